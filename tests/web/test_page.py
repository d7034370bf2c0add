"""The page as a whole: what it weighs, and that every screen of it is for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, ViewportSize, expect

from server.pages.page import FOLDER
from tests.web.browser import DESK, PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import card, done, submit

MOST_BYTES = 100_000
"""Of everything that the first visit loads before a picture, compressed."""

SIZES = {"phone": PHONE, "desk": DESK, "wide": ViewportSize(width=2560, height=1440)}


def make(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/make")


def gallery(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/gallery")
    page.get_by_role("searchbox").wait_for()


def viewer(page: Page) -> None:
    make(page)
    card(page, "red apple").locator(".picture.shown").first.click()
    page.get_by_role("dialog").wait_for()


def server(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/server")
    page.get_by_role("heading", name="Devices").wait_for()


def models(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/models")
    page.get_by_role("heading", name="Emoji").wait_for()


SCREENS: dict[str, Callable[[Page], None]] = {
    each.__name__: each for each in (make, gallery, viewer, models, server)
}


@pytest.fixture(scope="module", autouse=True)
def picture(site: Site) -> None:
    """One picture that every screen has to show."""
    submit(site, prompt="red apple, 3d", steps=4)


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ("phone", "dark"),
        pytest.param("desk", "light", marks=pytest.mark.slow),
        pytest.param("wide", "dark", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_and_nothing_is_cut_off(visit: Visit, screen: str, size: str, theme: str):
    page = visit(SIZES[size], color_scheme=theme)
    done(card(page, "red apple"))
    SCREENS[screen](page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_in_the_settings_of_a_phone(visit: Visit):
    page = visit(PHONE)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("dialog").wait_for()
    assert violations(page) == []


def test_axe_finds_nothing_in_what_comes_up_over_the_page(visit: Visit, site: Site):
    page = visit(PHONE)
    done(card(page, "red apple"))

    def looked_at(name: str) -> None:
        page.get_by_role("dialog", name=name).last.wait_for()
        assert violations(page) == [], name

    def close(name: str) -> None:
        page.get_by_role("button", name="Close").last.tap()
        page.get_by_role("dialog", name=name).wait_for(state="detached")

    for sheet in ("What you asked for before", "Styles and presets"):
        page.get_by_role("button", name=sheet).tap()
        looked_at(sheet)
        close(sheet)
    card(page, "red apple").get_by_role("button", name="More", exact=True).tap()
    looked_at("red apple, 3d")
    page.get_by_role("button", name="Into an album").tap()
    looked_at("Into an album")
    close("Into an album")
    card(page, "red apple").get_by_role("button", name="More", exact=True).tap()
    page.get_by_role("button", name="A link for somebody").tap()
    page.get_by_role("button", name="Make the link").tap()
    page.get_by_role("img", name="The link as a QR code").wait_for()
    looked_at("A link to this picture")


def test_axe_finds_nothing_in_the_sheets_of_the_models(visit: Visit):
    page = visit(PHONE, color_scheme="light")
    models(page)
    for button, sheet in (("Add a model", "Add a model"), ("About Emoji", "Emoji")):
        page.get_by_role("button", name=button).first.tap()
        page.get_by_role("dialog", name=sheet).wait_for()
        assert violations(page) == [], sheet
        page.get_by_role("button", name="Close").last.tap()
        page.get_by_role("dialog", name=sheet).wait_for(state="detached")


def test_axe_finds_nothing_in_two_pictures_compared(visit: Visit, site: Site):
    submit(site, prompt="blue star, flat", steps=2)
    page = visit(DESK)
    done(card(page, "blue star"))
    gallery(page)
    page.get_by_role("button", name="Select").click()
    for each in range(2):
        page.get_by_role("checkbox").nth(each).click()
    favourite = page.get_by_role("toolbar").get_by_role("button", name="Favourite")
    favourite.click()
    expect(favourite).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("dialog").get_by_role("slider").wait_for()
    assert violations(page) == []


def test_axe_finds_nothing_at_the_door(visit: Visit):
    page = visit(PHONE, path="pair", color_scheme="dark")
    page.get_by_role("textbox").first.wait_for()
    assert violations(page) == []


def test_the_first_visit_loads_less_than_a_hundred_kilobytes(visit: Visit, site: Site):
    page = visit(path="api/v1/health")
    loaded: list[Request] = []
    page.on("requestfinished", lambda sent: loaded.append(sent))
    page.goto(site.url)
    page.get_by_role("button", name="Make it").wait_for()
    page.wait_for_load_state("load")
    sizes = [sent.sizes()["responseBodySize"] for sent in loaded if "/images/" not in sent.url]
    assert 0 < sum(sizes) < MOST_BYTES
    named = set(re.findall(r"assets/[\w.-]+", (FOLDER / "index.html").read_text()))
    at_once = [FOLDER / "index.html", *(FOLDER / f"{name}.gz" for name in named)]
    assert sum(file.stat().st_size for file in at_once) < MOST_BYTES
    # It comes when it is opened; had it come before, nothing would be asked for now.
    with page.expect_request_finished(lambda sent: "/assets/Models-" in sent.url):
        page.get_by_role("link", name="Models").click()
    page.get_by_role("heading", name="Emoji").wait_for()


def test_nothing_is_loaded_from_anywhere_else(visit: Visit, site: Site):
    page = visit()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.reload()
    page.get_by_role("button", name="Make it").wait_for()
    assert asked
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)
