"""Languages that come in files: loaded when they are chosen; and the page from right to left."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import Request, expect

from tests.running.paths import API, REPOSITORY
from tests.running.waiting import until
from tests.web.browser import PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import NETWORK, card, done, submit

FILES = REPOSITORY / "clients/web/src/i18n/languages"


@pytest.mark.parametrize(("locale", "code"), [("de-DE", "de"), ("zh-CN", "zh-Hans")])
def test_a_browser_is_spoken_to_in_its_own_language(visit: Visit, locale: str, code: str):
    messages = json.loads((FILES / f"{code}.json").read_text())["messages"]
    page = visit(PHONE, locale=locale)
    expect(page.get_by_label(messages["make"]["prompt"], exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == code
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_language_comes_when_it_is_chosen_and_stays(visit: Visit):
    page = visit(PHONE, path="#/server")
    loaded: list[str] = []
    page.on("request", lambda sent: loaded.append(name(sent)))
    expect(page.get_by_role("button", name="Fran\u00e7ais")).to_be_visible()
    assert not [each for each in loaded if each.startswith(("es-", "fr-", "de-"))]
    page.get_by_role("button", name="Fran\u00e7ais").tap()
    expect(page.get_by_role("heading", name="Apparence")).to_be_visible()
    expect(page.get_by_text("Traduit par une machine")).to_be_visible()
    assert [each for each in loaded if each.startswith("fr-")]
    assert violations(page) == []
    page.reload()
    expect(page.get_by_role("heading", name="Apparence")).to_be_visible()
    page.get_by_role("button", name="English").tap()
    expect(page.get_by_role("heading", name="Appearance")).to_be_visible()


def test_what_the_server_says_is_said_in_the_language_of_the_page(visit: Visit, site: Site):
    with httpx.Client(base_url=site.url + API) as client:
        job = submit(site, prompt="sun " + "BREAK " * 260)
        until(lambda: client.get(f"/jobs/{job}").json()["status"] == "failed", 30)
        error = client.get(f"/jobs/{job}").json()["error"]
    assert error["wording"] == {"code": "too-many-windows", "values": {"has": 260, "most": 256}}
    page = visit(PHONE, noise=NETWORK, locale="de-DE")
    expect(card(page, "sun BREAK")).to_contain_text("Die Beschreibung f\u00fcllt 260 Fenster")
    page.locator("textarea").first.fill("x" * 10_001)
    page.locator("button[type=submit]").tap()
    said = "H\u00f6chstens 10.000 Zeichen; es sind 10.001."
    expect(page.locator(".prompt .error")).to_have_text(said)


WITHOUT_A_DIRECTION = """() => [...document.querySelectorAll("input, textarea")]
  .filter((each) => !["range", "radio", "checkbox", "file", "number"].includes(each.type))
  .filter((each) => !each.hasAttribute("dir"))
  .map((each) => each.outerHTML)"""
"""Fields for text in which a word of the other direction would jump about."""


def test_in_arabic_all_runs_from_right_to_left_and_nothing_is_cut_off(visit: Visit):
    places = json.loads((FILES / "ar.json").read_text())["messages"]["App"]
    page = visit(PHONE, locale="ar-EG")
    for place in ("gallery", "models", "anatomy", "server", "make"):
        link = page.get_by_role("link", name=places[place], exact=True)
        link.tap()
        expect(link).to_have_attribute("aria-current", "page")
        expect(page.locator("main input, main button").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        assert page.evaluate(WITHOUT_A_DIRECTION) == [], place
        if place == "anatomy":
            # It is in English.
            expect(page.locator(".anatomy-room")).to_have_css("direction", "ltr")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    # A prompt begins where its own words do, and an empty field where the page's do.
    prompt = page.locator("main textarea").first
    expect(prompt).to_have_css("direction", "rtl")
    prompt.fill("red cat (3d).")
    expect(prompt).to_have_css("direction", "ltr")
    logo = page.locator(".bar img").bounding_box()
    assert logo is not None
    assert logo["x"] > PHONE["width"] / 2


WIDER_THAN_ITS_BUTTON = """() => {
  const words = document.createRange();
  const width = (caption) => {
    words.selectNodeContents(caption);
    return words.getBoundingClientRect().width;
  };
  const captions = (button) => [...button.childNodes].filter((each) => each.nodeType === 3);
  return [...document.querySelectorAll(".captioned button")]
    .filter((button) => captions(button).some((each) => width(each) > button.clientWidth))
    .map((button) => button.textContent);
}"""
"""Captions under icons that reach into the next one."""


@pytest.mark.parametrize("code", ["de", "fr", "ja"])
def test_captions_under_icons_stay_out_of_each_other(visit: Visit, site: Site, code: str):
    submit(site, prompt="small words", steps=1)
    page = visit(PHONE, locale=code)
    done(card(page, "small words"))
    assert page.evaluate(WIDER_THAN_ITS_BUTTON) == []
    card(page, "small words").get_by_role("link").first.tap()
    expect(page.locator(".viewer .captioned")).to_be_visible()
    assert page.evaluate(WIDER_THAN_ITS_BUTTON) == []


def name(sent: Request) -> str:
    """The file that a request is for."""
    return sent.url.rpartition("/")[2]
