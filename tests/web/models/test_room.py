"""The room of models: everybody looks and chooses, an admin loads them and puts them off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import devices
from jobs.records import workers
from jobs.records.workers import WorkerInfo
from tests.card import make_card
from tests.running.addresses import lan_address
from tests.web.browser import DESK, PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import PROMPT
from tests.web.models.conftest import save_lora


def shown(page: Page, title: str) -> Locator:
    """The card of a model or of what is added to one."""
    heading = page.get_by_role("heading", name=re.compile(f"^{title}"))
    return page.get_by_role("listitem").filter(has=heading)


def kind(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="What to show").get_by_role("button", name=name)


def test_a_user_looks_and_chooses_and_changes_nothing(visit: Visit, site: Site):
    page = visit(PHONE, noise="401")
    url = f"http://{lan_address()}:{site.url.rpartition(':')[2]}"
    page.goto(devices.pairing_url(url, devices.new_code(site.redis)))
    page.get_by_role("button", name="Pair this device").click()
    page.get_by_role("link", name="Models").tap()
    expect(shown(page, "Plain")).to_contain_text("Licence: CC0")
    expect(shown(page, "Plain").get_by_role("button", name="In use: Plain")).to_be_visible()
    expect(page.get_by_role("heading", name="Cannot be used")).to_have_count(0)
    page.get_by_role("button", name="About Large").tap()
    sheet = page.get_by_role("dialog", name="Large")
    expect(sheet.get_by_text("Stable Diffusion XL", exact=True)).to_be_visible()
    expect(sheet.get_by_role("button", name="Load now")).to_have_count(0)
    sheet.get_by_role("button", name="Use it").tap()
    settings = page.get_by_role("button", name="Settings")
    settings.tap()
    expect(page.get_by_role("button", name="Model Large")).to_be_visible()
    page.get_by_role("button", name="Close").tap()

    page.get_by_role("link", name="Models").tap()
    kind(page, "Styles").tap()
    expect(shown(page, "Ink")).to_contain_text("ink style")
    shown(page, "Ink").get_by_role("button", name="Use it: Ink").tap()
    expect(page.get_by_label("Changed from the defaults")).to_have_text("Ink 1")
    page.get_by_role("link", name="Models").tap()
    kind(page, "Learned words").tap()
    page.get_by_role("button", name="Use it: bad-hands").tap()
    expect(page.get_by_label(PROMPT)).to_have_value("bad-hands")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_an_admin_loads_pins_and_puts_a_model_off_and_on(visit: Visit):
    page = visit(path="#/models")
    page.get_by_role("button", name="About Large").click()
    sheet = page.get_by_role("dialog", name="Large")
    expect(sheet.get_by_text("Loads when asked for")).to_be_visible()
    assert violations(page) == []
    sheet.get_by_role("button", name="Load now").click()
    expect(sheet.get_by_text("Ready", exact=True)).to_be_visible()
    keep = sheet.get_by_role("button", name="Keep ready")
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    expect(sheet.get_by_role("button", name="Take out of memory")).to_be_disabled()
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "false")
    sheet.get_by_role("button", name="Take out of memory").click()
    expect(sheet.get_by_text("Loads when asked for")).to_be_visible()

    sheet.get_by_role("button", name="Switch off").click()
    expect(sheet).to_have_count(0)
    expect(shown(page, "Large")).to_have_count(0)
    expect(page.get_by_role("heading", name="Switched off")).to_be_visible()
    page.get_by_role("button", name="Switch on large").click()
    expect(shown(page, "Large")).to_be_visible()
    expect(page.get_by_role("heading", name="Switched off")).to_have_count(0)


def test_a_file_that_is_dropped_comes_in_while_one_looks(visit: Visit, site: Site):
    page = visit(PHONE, path="#/models")
    expect(page.get_by_text("old.ckpt is a pickle")).to_be_visible()
    file = site.data / "models" / "loras" / "neon.safetensors"
    save_lora(site.data / "tiny", file, "Neon", {"neon glow": 3})
    kind(page, "Styles").tap()
    expect(shown(page, "Neon")).to_contain_text("neon glow")
    file.unlink()
    expect(shown(page, "Neon")).to_have_count(0)


@pytest.mark.slow
def test_a_model_on_its_way_into_memory_has_a_bar(visit: Visit, site: Site):
    page = visit(path="#/models")
    expect(shown(page, "Plain")).to_be_visible()
    card = make_card(name="huge", title="A large model", licence="CC0", default=False)
    info = WorkerInfo(
        name="other",
        host="here",
        pid=1,
        device="cuda:1",
        models=[card],
        warm=[],
        loading={"huge": 0.4},
        running=0,
        capacity=4,
        jobs_per_second=None,
    )
    workers.advertise(site.redis, info)
    bar = page.get_by_role("progressbar", name="Loading A large model")
    expect(bar).to_have_attribute("value", "0.4")
    workers.withdraw(site.redis, "other")
    site.redis.hdel(workers.CATALOGUE, "huge")
    expect(bar).to_have_count(0)


WORDS = """() => {
  const all = [...document.querySelectorAll("main *, dialog *")];
  const said = all.filter((each) => !each.children.length).map((each) => each.textContent.trim());
  const labels = [...document.querySelectorAll("main [aria-label]")];
  return [...said, ...labels.map((each) => each.getAttribute("aria-label"))].filter(Boolean);
}"""


@pytest.mark.slow
def test_every_word_of_the_room_is_in_the_language_that_was_chosen(visit: Visit, site: Site):
    def words(locale: str) -> set[str]:
        page = visit(DESK, locale=locale, path="#/models")
        expect(page.get_by_role("heading", name="Plain")).to_be_visible()
        page.locator(".front").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        return set(page.evaluate(WORDS))

    same = words("en-US") & words("vi-VN")
    # Names, and what the server itself says of a file.
    said = r"Plain|Other|Large|old[.]ckpt|/.*old[.]ckpt|Draws what|CC0|PLMS|Stable Diffusion|[\d\W]"
    assert [each for each in same if not re.match(said, each, re.IGNORECASE)] == []
