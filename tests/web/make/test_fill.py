"""Filling in the editor: what has the colour of the place that is tapped is painted at once."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.web.browser import PHONE
from tests.web.conftest import Visit
from tests.web.make.editing import Fingers, open_painting, said, share


def patches() -> bytes:
    """Two blue patches on green: a quarter of the picture, and an eighth."""
    picture = Image.new("RGB", (128, 128), "green")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 63, 63), fill="blue")
    draw.rectangle((96, 64, 127, 127), fill="blue")
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_tap_fills_one_patch_and_a_colour_is_taken_everywhere(visit: Visit):
    page = visit(PHONE)
    open_painting(page, patches())
    expect(page.get_by_role("button", name="Choose by")).to_have_count(0)
    fingers = Fingers(page)
    # It stands where "Paint" was tapped.
    page.wait_for_timeout(400)
    page.get_by_role("button", name="Fill what has this colour").click()
    expect(page.get_by_label("Colours that count")).to_be_visible()
    expect(said(page)).to_contain_text("Tap the picture")
    fingers.down(0, (0.2, 0.2))
    fingers.up(0)
    assert 24 <= share(page) <= 27
    page.get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("Tap the picture")
    page.get_by_role("button", name="Take this colour everywhere").click()
    fingers.down(0, (0.9, 0.8))
    fingers.up(0)
    assert 37 <= share(page) <= 40
    page.get_by_role("button", name="Repaint the rest instead").click()
    assert 60 <= share(page) <= 63
