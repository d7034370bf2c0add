"""`make screenshots`: takes the README's pictures of the page anew, with the model that ships."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.running.paths import API, REPOSITORY
from tests.running.site import Site, site_in
from tests.running.waiting import until
from tests.web.browser import chromium
from tests.web.form import PROMPT, card, done

FOLDER = REPOSITORY / "docs" / "images"
SHIPPED = REPOSITORY / "models.toml"

PHONE = ViewportSize(width=390, height=900)
DESK = ViewportSize(width=1440, height=900)

GRID = {
    "request": {"prompt": "apple", "seed": 7},
    "axes": [
        {"field": "/prompt", "values": ["a red apple", "a blue apple", "three apples"]},
        {"field": "/steps", "values": [2, 8, 14, 20]},
    ],
}
LONG = {"steps": 150, "seed": 5}
"""Still in the making when the picture of the page is taken."""


def main() -> None:
    """Write docs/images/page-phone.png and page-desktop.png."""
    with (
        tempfile.TemporaryDirectory() as data,
        site_in(Path(data), models=SHIPPED) as site,
        chromium() as browser,
    ):
        phone(browser, site)
        desk(browser, site)


def phone(browser: Browser, site: Site) -> None:
    """A prompt and what it made."""
    page = opened(browser, site, PHONE)
    ask(page, site, "two red cats", seed=3)
    page.get_by_label(PROMPT).fill("two red cats")
    done(card(page, "two red cats"))
    page.get_by_label(PROMPT).blur()
    page.screenshot(path=FOLDER / "page-phone.png")
    page.context.close()


def desk(browser: Browser, site: Site) -> None:
    """Settings, pictures in the making, one that is done and a grid."""
    httpx.post(f"{site.url}{API}/grids", json=GRID).raise_for_status()
    page = opened(browser, site, DESK)
    page.get_by_label(PROMPT).fill("three apples")
    expect(page.locator("table img")).to_have_count(12, timeout=120_000)
    ask(page, site, "a blue banana")
    done(card(page, "a blue banana"))
    ask(page, site, "a house", **LONG, count=2)
    ask(page, site, "three apples", **LONG)
    under_way(page, "three apples", 70)
    page.get_by_label(PROMPT).blur()
    page.screenshot(path=FOLDER / "page-desktop.png")
    page.context.close()


def opened(browser: Browser, site: Site, size: ViewportSize) -> Page:
    """The page in English, in the light theme, with nothing on it that moves."""
    context = browser.new_context(
        viewport=size, locale="en-US", color_scheme="light", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(site.url)
    return page


def ask(page: Page, site: Site, prompt: str, **fields: object) -> None:
    """Ask for a picture, and wait until the page has its card."""
    httpx.post(f"{site.url}{API}/jobs", json={"prompt": prompt, **fields}).raise_for_status()
    card(page, prompt).wait_for()


def under_way(page: Page, prompt: str, step: int) -> None:
    """Wait until a job has made so many steps, and shows what it has so far."""
    shown = card(page, prompt)
    shown.locator(".preview").first.wait_for()
    made = re.compile(r"Step (\d+)")

    def far_enough() -> bool:
        page.wait_for_timeout(100)  # or nothing of what the server sends is read
        found = made.search(shown.inner_text())
        return found is not None and int(found[1]) >= step

    until(far_enough, 120)


if __name__ == "__main__":
    main()
