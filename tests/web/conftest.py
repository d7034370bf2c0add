"""The page in a real browser, on a real API and a real worker with the model that ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from server.pages.page import FOLDER
from tests.running.site import Site
from tests.web.browser import DESK, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Not for longer: while it runs, nothing else in this process has an event loop of its own.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Browser, site: Site) -> Site:
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    return site


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Opens the page in a fresh browser profile; it must say nothing on the console.

    `visit(size, noise="...", path="#/gallery", **context_options)`: `noise` is what a line of the
    console may contain; English unless `locale` says otherwise.
    """
    contexts, said = [], []

    def open_page(
        size: ViewportSize = DESK, *, noise: str = "", path: str = "", **options: object
    ) -> Page:
        phone = size["width"] < 600
        settings = {"locale": "en-US", "viewport": size, "has_touch": phone, "is_mobile": phone}
        context = browser.new_context(**settings | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda line: (
                None
                if noise and noise in line.text
                else said.append(f"{line.text} ({line.location['url']})")
            ),
        )
        page.goto(f"{site.url}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
