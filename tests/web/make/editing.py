"""What tests of the editor do in it: real touches on real pictures."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Site

SIDE = 128

TOO_SMALL = """[...document.querySelectorAll('.editor :is(button, input)')].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width < 48 || box.height < 48 || box.right > innerWidth;
}).map((each) => each.outerHTML)"""
"""What a finger would miss, or that is out of sight."""

Place = tuple[float, float]
"""Across and down on the picture, from 0 to 1."""


def picture(width: int = SIDE, height: int = SIDE) -> bytes:
    """A PNG in which every part looks different."""
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.dstack([across * 255 // width, down * 255 // height, (across + down) % 256])
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def open_editor(page: Page, use: str, button: str, data: bytes | None = None) -> None:
    """Chooses a picture, says what it is for, and opens the editor."""
    file = {"name": "picture.png", "mimeType": "image/png", "buffer": data or picture()}
    page.locator("input[type=file]").last.set_input_files(file)  # pyright: ignore[reportArgumentType]
    page.get_by_role("radio", name=use, exact=True).check(force=True)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".stage")).to_be_visible()


def open_painting(page: Page, data: bytes | None = None) -> None:
    open_editor(page, "Paint over", "Paint", data)


def open_growing(page: Page, data: bytes | None = None) -> None:
    open_editor(page, "Extend", "Choose the edges", data)


def said(page: Page) -> Locator:
    return page.locator(".editor .said")


def share(page: Page) -> int:
    """Percent of the picture that the editor says is repainted."""
    share = re.compile(r"(\d+) % of")
    while True:
        expect(said(page)).to_have_text(share)
        # A moment later it may say that it is looking again.
        if found := share.match(said(page).inner_text()):
            return int(found[1])


class Fingers:
    """Real touches, as many at once as fingers are down."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools = page.context.new_cdp_session(page)
        self._box = {"x": 0.0, "y": 0.0, "width": 0.0, "height": 0.0}
        self._down: dict[int, Place] = {}

    def down(self, finger: int, at: Place) -> None:
        if not self._down:
            box = self._page.locator(".stage img").bounding_box()
            assert box is not None
            self._box |= box
        self._down[finger] = self._on_screen(at)
        self._send("touchStart")

    def move(self, fingers: dict[int, Place]) -> None:
        self._down |= {finger: self._on_screen(at) for finger, at in fingers.items()}
        self._send("touchMove")

    def up(self, finger: int) -> None:
        del self._down[finger]
        self._send("touchEnd")

    def stroke(self, start: Place, end: Place, steps: int = 12) -> None:
        self.down(0, start)
        for step in range(1, steps + 1):
            way = step / steps
            self.move({0: tuple(a + (b - a) * way for a, b in zip(start, end, strict=True))})  # pyright: ignore[reportArgumentType]
        self.up(0)

    def _on_screen(self, at: Place) -> Place:
        box = self._box
        return box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]

    def _send(self, kind: str) -> None:
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in self._down.items()]
        self._devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def width_of(page: Page) -> float:
    box = page.locator(".stage img").bounding_box()
    assert box is not None
    return box["width"]


def made(page: Page, site: Site) -> tuple[dict[str, object], Image.Image]:
    """Closes the editor, asks for the picture, and returns the job's request and its result."""
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".editor")).to_have_count(0)
    page.locator("textarea").first.fill("red apple, 3d")
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/jobs")
    ) as sent:
        page.get_by_role("button", name="Make it").click()
    answer = sent.value.json()
    assert sent.value.status == 202, answer
    url = f"{site.url}/api/v1/jobs/{answer['id']}/events"
    with httpx.stream("GET", url, timeout=60) as events:
        assert any(line == "event: done" for line in events.iter_lines())
    job = httpx.get(f"{site.url}/api/v1/jobs/{answer['id']}").json()
    return job["input"], result(job, site)


def again(request: dict[str, object], site: Site, **changes: object) -> Image.Image:
    """The result of a request with some fields as they are here."""
    answer = httpx.post(
        f"{site.url}/api/v1/jobs",
        json=request | changes,
        headers={"Prefer": "wait=60"},
        timeout=70,
    )
    return result(answer.json(), site)


def result(job: dict[str, Any], site: Site) -> Image.Image:
    """The picture of a job that is to have succeeded."""
    assert job["status"] == "succeeded", job
    file = httpx.get(site.url + job["outputs"][0]["url"]).content
    return Image.open(BytesIO(file)).convert("RGB")


def difference(a: Image.Image, b: bytes) -> np.ndarray:
    """How far each pixel is from the other's, 0 to 255."""
    other = Image.open(BytesIO(b)).convert("RGB")
    return np.abs(np.asarray(a, int) - np.asarray(other, int)).max(axis=2)
