"""What a page with a gallery shows, and a finger on it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Visit


def grid(page: Page) -> Locator:
    return page.get_by_role("list", name=re.compile("^(Pictures|\u0627\u0644\u0635\u0648\u0631)$"))


def gallery(visit: Visit, *arguments: Any, **options: Any) -> Page:
    page = visit(*arguments, path="#/gallery", **options)
    expect(grid(page).locator("a").first).to_be_visible()
    return page


def viewer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def first(page: Page, prompt: str) -> Locator:
    return grid(page).get_by_role("link", name=prompt).first


def swipe(page: Page, start: tuple[int, int], end: tuple[int, int], steps: int = 6) -> None:
    """A finger that goes from one place to the other, as the touch screen reports it."""
    session = page.context.new_cdp_session(page)
    (x0, y0), (x1, y1) = start, end

    def touch(kind: str, points: list[dict[str, float]]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", [{"x": x0, "y": y0}])
    for step in range(1, steps + 1):
        part = step / steps
        touch("touchMove", [{"x": x0 + (x1 - x0) * part, "y": y0 + (y1 - y0) * part}])
        page.wait_for_timeout(16)
    touch("touchEnd", [])
    session.detach()
