"""All parts of the page in all their states look as they did, in both themes.

Machines draw letters differently, so what is compared is small: each part in its own place, in
cells of eight pixels, of which a tenth may differ. A part that is gone, moved or of another colour
differs in more; other fonts, which fill the same lines, in less. `make parts` takes new pictures.
"""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route

from server.pages.page import FOLDER
from tests.running.hand_worker import png
from tests.running.paths import REPOSITORY

BUILT = REPOSITORY / "build" / "parts"
KEPT = Path(__file__).parent / "parts"
CELL = 8
DIFFERS = 28
"""Of 255, in one colour of a cell."""
MAY_DIFFER = 0.1

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@pytest.fixture(scope="module")
def parts() -> Path:
    command = ["sh", "clients/node.sh", "web", "parts"]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=100)
    return BUILT


def serve(route: Route) -> None:
    path = route.request.url.removeprefix("http://parts/").partition("?")[0]
    file = BUILT / path
    if path == "picture":
        route.fulfill(body=png(128, 128, "teal"), content_type="image/png")
    elif file.is_file():
        route.fulfill(path=file, content_type=TYPES.get(file.suffix))
    else:
        route.abort()


def small(shot: bytes) -> Image.Image:
    with Image.open(io.BytesIO(shot)) as picture:
        size = (picture.width // CELL, picture.height // CELL)
        return picture.convert("RGB").resize(size, Image.Resampling.BOX)


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_every_part_looks_as_it_did(browser: Browser, parts: Path, theme: str):
    page = browser.new_page(viewport={"width": 1040, "height": 800}, locale="en-US")
    page.route("**/*", serve)
    page.goto(f"http://parts/dev/parts.html?theme={theme}")
    page.locator(".picture.shown").nth(1).wait_for()
    for late in (".grid-card img", ".quota", "[data-part=devices] .rows"):
        page.locator(late).first.wait_for()
    places = {
        part.get_attribute("data-part") or "": part.bounding_box()
        for part in page.locator(".part").all()
    }
    seen = small(page.screenshot(full_page=True, animations="disabled"))
    page.close()
    file = KEPT / f"{theme}.png"
    if os.environ.get("WRITE_PARTS"):
        KEPT.mkdir(exist_ok=True)
        seen.save(file, optimize=True)
    with Image.open(file) as kept:
        before = np.asarray(kept.convert("RGB")).astype(int)
    now = np.asarray(seen).astype(int)
    assert now.shape == before.shape
    other = (abs(now - before) > DIFFERS).any(axis=2)
    changed = {}
    for name, box in places.items():
        assert box, name
        across = slice(int(box["x"]) // CELL, int(box["x"] + box["width"]) // CELL)
        down = slice(int(box["y"]) // CELL, int(box["y"] + box["height"]) // CELL)
        if (share := float(other[down, across].mean())) > MAY_DIFFER:
            changed[name] = round(share, 2)
    assert changed == {}


def test_the_page_of_parts_is_not_shipped():
    shipped = [file for file in FOLDER.rglob("*") if file.suffix in (".js", ".css", ".html")]
    assert shipped
    assert [file.name for file in shipped if "parts-sheet" in file.read_text()] == []
