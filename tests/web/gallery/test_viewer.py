"""One picture, as large as the screen: turned, told about, and taken home."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from jobs.pictures.image_store import image_id
from tests.web.browser import PHONE, broken_words
from tests.web.conftest import Visit
from tests.web.gallery.looking import first, gallery, grid, swipe, viewer
from tests.web.gallery.wall import Wall

pytestmark = pytest.mark.timeout(180)


def test_the_viewer_turns_by_touch_and_closes_where_the_gallery_was(visit: Visit, site: Wall):
    for name in ("third", "second", "first"):
        site.make(f"the {name} of three")
        time.sleep(0.002)
    page = gallery(visit, PHONE)
    expect(first(page, "the first of three")).to_be_visible()
    first(page, "the first of three").tap()
    expect(viewer(page)).to_have_accessible_name("the first of three")
    swipe(page, (300, 300), (60, 310))
    expect(viewer(page)).to_have_accessible_name("the second of three")
    swipe(page, (300, 300), (280, 300))
    page.wait_for_timeout(300)
    expect(viewer(page)).to_have_accessible_name("the second of three")
    swipe(page, (60, 300), (300, 300))
    expect(viewer(page)).to_have_accessible_name("the first of three")
    picture = page.locator("[data-current] img")
    page.touchscreen.tap(180, 300)
    page.touchscreen.tap(180, 300)
    expect(picture).to_have_attribute("style", re.compile(r"scale\(2\.5\)"))
    swipe(page, (300, 300), (60, 300))
    expect(viewer(page)).to_have_accessible_name("the first of three")
    page.touchscreen.tap(180, 300)
    page.touchscreen.tap(180, 300)
    expect(picture).not_to_have_attribute("style", re.compile("scale"))
    swipe(page, (180, 200), (185, 500))
    expect(viewer(page)).to_have_count(0)
    assert page.url.endswith("#/gallery")
    # A click on what is out of sight would scroll there.
    grid(page).locator("a").nth(25).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    y = page.evaluate("scrollY")
    # Chromium drops a made-up tap soon after a made-up swipe.
    grid(page).locator("a").nth(25).click()
    expect(viewer(page)).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    # What is said covers nothing of what can be done next.
    said, doings = (page.locator(each).bounding_box() for each in (".toast", ".doings"))
    assert said
    assert doings
    assert said["y"] + said["height"] <= doings["y"]
    page.get_by_role("button", name="Undo").click()
    page.go_back()
    expect(viewer(page)).to_have_count(0)
    assert abs(page.evaluate("scrollY") - y) < 150


def test_the_keyboard_alone_opens_turns_and_closes(visit: Visit, site: Wall):
    site.make("beside the new one")
    time.sleep(0.002)
    site.make("the new one", count=2)
    page = gallery(visit)
    first(page, "the new one").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_accessible_name("the new one (2 of 2)")
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_accessible_name("beside the new one")
    page.keyboard.press("Enter")
    expect(viewer(page)).to_have_accessible_name("beside the new one")
    page.keyboard.press("ArrowLeft")
    expect(viewer(page)).to_have_accessible_name("the new one")
    page.keyboard.press("Escape")
    expect(viewer(page)).to_have_count(0)
    expect(page.locator(":focus")).to_have_accessible_name("the new one (2 of 2)")
    page.keyboard.press("End")
    expect(page.locator(":focus")).to_be_in_viewport()


def test_every_figure_of_the_recipe_is_shown(visit: Visit, site: Wall):
    site.make("figures", negative_prompt="blur", seed=79, steps=9, guidance_scale=4.5)
    page = gallery(visit)
    first(page, "figures").click()
    about = page.get_by_role("region", name="About this picture")
    for words in (
        "Not in it: blur",
        "79",
        "\u206664\u00a0\N{MULTIPLICATION SIGN}\u00a048\u2069",
        "4.5",
        "9",
        "Small",
    ):
        expect(about.get_by_text(words, exact=True).first).to_be_visible()
    for button in about.get_by_role("button").all():
        assert button.evaluate("each => each.clientWidth > each.clientHeight"), button


def test_the_recipe_is_copied_over_plain_http_too(visit: Visit, site: Wall):
    site.make("to be copied", seed=78)
    page = gallery(visit)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate(
        "document.addEventListener('copy', () => window.copied = document.activeElement.value)"
    )
    first(page, "to be copied").click()
    page.get_by_role("button", name="Copy the recipe").click()
    expect(page.get_by_text("The recipe is copied.")).to_be_visible()
    assert re.match(r"to be copied\nSteps: \d+, Sampler: .*Seed: 78", page.evaluate("copied"))


def test_a_download_is_the_png_with_its_recipe(visit: Visit, site: Wall, tmp_path: Path):
    site.make("Küche, 3D!", seed=77)
    page = gallery(visit)
    first(page, "Küche, 3D!").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "küche-3d-77.png"
    download.value.save_as(tmp_path / "picture.png")
    texts = Image.open(tmp_path / "picture.png").text
    assert json.loads(texts["darkroom"])["request"]["seed"] == 77


def test_a_picture_opens_by_its_address_alone(visit: Visit, site: Wall):
    oldest = min(key.decode() for key in site.redis.zrange("darkroom:jobs:local", 0, -1))
    page = visit(path=f"#/gallery/{image_id(oldest, 0)}")
    expect(viewer(page)).to_have_accessible_name(re.compile("cat|house|tree|apple|boat"))
    page.keyboard.press("Escape")
    expect(viewer(page)).to_have_count(0)
    assert page.url.endswith("#/gallery")


def test_where_words_run_from_right_to_left_pictures_do_too(visit: Visit, site: Wall):
    for name in ("older", "newest"):
        site.make(f"the {name} of two")
        time.sleep(0.002)
    page = gallery(visit, PHONE, locale="ar")
    newest = first(page, "the newest of two")
    expect(newest).to_be_visible()
    places = [each.bounding_box() for each in (newest, first(page, "the older of two"))]
    assert places[0] is not None
    assert places[1] is not None
    assert places[0]["x"] > places[1]["x"]
    assert places[0]["x"] + places[0]["width"] > PHONE["width"] - 40
    newest.focus()
    page.keyboard.press("ArrowLeft")
    expect(first(page, "the older of two")).to_be_focused()
    newest.tap()
    expect(viewer(page)).to_have_accessible_name("the newest of two")
    swipe(page, (60, 300), (300, 310))
    expect(viewer(page)).to_have_accessible_name("the older of two")
    page.keyboard.press("ArrowRight")
    expect(viewer(page)).to_have_accessible_name("the newest of two")


def test_no_word_of_what_can_be_done_is_broken_on_a_desk(visit: Visit, site: Wall):
    site.make("to be looked at")
    page = gallery(visit)
    first(page, "to be looked at").click()
    assert broken_words(page.locator(".doings button")) == []
