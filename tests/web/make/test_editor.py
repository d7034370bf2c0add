"""The editor in a real browser: masks painted with real touches, edges dragged, real pictures."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Page, expect

from tests.web.browser import DESK, PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.make.editing import (
    SIDE,
    TOO_SMALL,
    Fingers,
    again,
    difference,
    made,
    open_growing,
    open_painting,
    picture,
    said,
    share,
    width_of,
)


def test_what_a_finger_paints_is_repainted_and_nothing_else(visit: Visit, site: Site) -> None:
    page = visit(PHONE)
    # Larger than this server draws any: what is painted goes back into the photograph's own pixels.
    photograph = picture(17 * SIDE, 17 * SIDE)
    open_painting(page, photograph)
    Fingers(page).stroke((0.3, 0.5), (0.7, 0.5))
    assert 5 < share(page) < 20

    request, result = made(page, site)

    assert (request["kind"], request["inpaint_area"]) == ("inpaint", "masked")
    changes = difference(result, photograph)
    assert changes.shape == (17 * SIDE, 17 * SIDE)
    changes = changes.reshape(SIDE, 17, SIDE, 17).max(axis=(1, 3))
    painted = np.zeros((SIDE, SIDE), bool)
    painted[56:72, 32:96] = True
    # A brush of 40 pixels on a phone's screen is 16 of these wide; then there is the soft edge.
    near = np.asarray(Image.fromarray(painted).convert("L").filter(ImageFilter.MaxFilter(41))) > 0
    assert changes[~near].max() == 0
    assert (changes[painted] > 8).mean() > 0.5


def test_two_fingers_zoom_and_leave_no_dot(visit: Visit) -> None:
    page = visit(PHONE)
    open_painting(page)
    fingers, before = Fingers(page), width_of(page)

    fingers.down(0, (0.45, 0.5))
    fingers.move({0: (0.44, 0.5)})
    fingers.down(1, (0.55, 0.5))
    for step in range(6):
        fingers.move({0: (0.44 - 0.02 * step, 0.5), 1: (0.55 + 0.02 * step, 0.5)})
    fingers.up(1)
    fingers.move({0: (0.3, 0.3)})
    fingers.up(0)

    assert width_of(page) > 1.5 * before
    expect(said(page)).to_contain_text("Paint with a finger")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    fingers.stroke((0.5, 0.5), (0.5, 0.5))
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_a_stroke_can_be_undone_erased_inverted_and_cleared(visit: Visit) -> None:
    page = visit(PHONE)
    open_painting(page)
    fingers = Fingers(page)

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    fingers.stroke((0.2, 0.3), (0.8, 0.3))
    one = share(page)
    fingers.stroke((0.2, 0.7), (0.8, 0.7))
    expect(said(page)).not_to_contain_text(f"{one} %")
    two = share(page)
    assert two > one

    press("Undo")
    expect(said(page)).to_contain_text(f"{one} %")
    press("Redo")
    expect(said(page)).to_contain_text(f"{two} %")
    press("Eraser")
    fingers.stroke((0.1, 0.7), (0.9, 0.7))
    expect(said(page)).to_contain_text(f"{one} %")
    press("Repaint the rest instead")
    expect(said(page)).to_contain_text(f"{99 - one} %")
    press("Repaint the rest instead")
    press("Clear all")
    expect(said(page)).to_contain_text("Paint with a finger")
    press("Undo")
    expect(said(page)).to_contain_text(f"{one} %")


def test_an_inverted_mask_keeps_what_was_painted(visit: Visit, site: Site) -> None:
    page = visit(PHONE)
    open_painting(page)
    Fingers(page).stroke((0.4, 0.5), (0.6, 0.5))
    painted = share(page)
    page.get_by_role("button", name="Repaint the rest instead").click()
    expect(said(page)).to_contain_text(f"{99 - painted} %")
    page.get_by_role("slider", name="Soft edge").fill("0")

    request, result = made(page, site)

    assert (request["mask_invert"], request["mask_blur"]) == (True, 0)
    changes = difference(result, picture())
    assert changes[60:68, 52:76].max() == 0
    assert (changes[100:] > 8).mean() > 0.5


@pytest.mark.slow
def test_a_mask_can_be_changed_later(visit: Visit) -> None:
    page = visit(PHONE)
    open_painting(page)
    Fingers(page).stroke((0.2, 0.3), (0.8, 0.3))
    before = share(page)
    # As slow as a phone is with a large mask: a double tap makes it once.
    page.evaluate(
        "const paper = HTMLCanvasElement.prototype, toBlob = paper.toBlob; window.masks = 0;"
        "paper.toBlob = function (...all) {"
        "  masks += 1; setTimeout(() => toBlob.apply(this, all), 200); }; 0"
    )
    page.get_by_role("button", name="Done").dblclick()
    expect(page.get_by_role("button", name="Change the mask")).to_be_focused()
    assert page.evaluate("masks") == 1
    page.get_by_role("button", name="Change the mask").click()

    expect(said(page)).to_contain_text(f"{before} %")
    page.get_by_role("button", name="Clear all").click()
    expect(said(page)).to_contain_text("Paint with a finger")


def test_escape_asks_only_where_something_would_be_lost(visit: Visit) -> None:
    page = visit(DESK)
    open_painting(page)
    page.keyboard.press("Escape")
    expect(page.locator(".editor")).to_have_count(0)

    page.get_by_role("button", name="Paint", exact=True).click()
    page.locator(".stage").click()
    expect(said(page)).to_contain_text("1 % of")
    mark = page.evaluate("history.state.over")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Leave without keeping this?")).to_be_visible()
    page.get_by_role("button", name="Keep working").click()
    expect(said(page)).to_contain_text("1 % of")
    # The question takes its own step of the history back, a moment after it has gone.
    page.wait_for_function("(mark) => history.state?.over === mark", arg=mark)
    page.go_back()
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.locator(".editor")).to_have_count(0)
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_visible()


def test_the_keyboard_alone_paints(visit: Visit) -> None:
    page = visit(DESK)
    open_painting(page)
    expect(page.locator(".stage")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("]")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.get_by_text("Brush at 4")).to_be_attached()
    page.keyboard.down(" ")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up(" ")
    painted = share(page)
    page.keyboard.press("Control+z")
    expect(said(page)).to_contain_text("The wheel zooms")
    page.keyboard.press("Control+y")
    expect(said(page)).to_contain_text(f"{painted} %")


@pytest.mark.slow
def test_wheel_and_space_move_the_picture_of_a_mouse(visit: Visit) -> None:
    page = visit(DESK)
    open_painting(page)
    before = width_of(page)
    page.locator(".stage").hover()
    page.mouse.wheel(0, -400)
    assert width_of(page) > 1.5 * before
    left = page.locator(".stage img").bounding_box()
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(500, 500, steps=4)
    page.mouse.up()
    page.keyboard.up(" ")
    assert page.locator(".stage img").bounding_box() != left
    expect(said(page)).to_contain_text("The wheel zooms")


def test_an_edge_dragged_outward_gives_a_larger_picture(visit: Visit, site: Site) -> None:
    page = visit(PHONE)
    open_growing(page)
    across = 1 + 61 / SIDE
    Fingers(page).stroke((1, 0.5), (across, 0.5))
    expect(said(page)).to_have_text(re.compile("128\\s.\\s128.? becomes .?192\\s.\\s128.? pixels"))

    request, result = made(page, site)

    assert request["expand"] == {"left": 0, "top": 0, "right": 64, "bottom": 0}
    assert result.size == (192, 128)
    changes = difference(result.crop((0, 0, SIDE, SIDE)), picture())
    assert changes[:, :100].max() == 0
    assert np.asarray(result)[:, 130:].std() > 0


@pytest.mark.slow
def test_a_corner_grows_two_sides_and_the_fields_go_to_the_limit(visit: Visit) -> None:
    page = visit(DESK)
    open_growing(page, picture(133, 128))
    grip = page.locator(".grip.top-left").bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + 24, grip["y"] + 24)
    page.mouse.down()
    page.mouse.move(grip["x"] - 76, grip["y"] - 56, steps=5)
    page.mouse.up()
    top, left = page.get_by_label("Top"), page.get_by_label("Left")
    assert int(top.input_value()) % 8 == 0 < int(top.input_value())
    assert (int(left.input_value()) + 133) % 8 == 0

    page.get_by_label("Right").fill("99999")
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text(re.compile("becomes .?2,048\\s"))
    page.get_by_role("button", name="Start over").click()
    expect(said(page)).to_contain_text("Drag an edge")
    expect(left).to_have_value("0")


@pytest.mark.parametrize(
    "begin", [pytest.param(open_painting, marks=pytest.mark.slow), open_growing]
)
@pytest.mark.parametrize(
    ("size", "theme"), [(PHONE, "dark"), pytest.param(DESK, "light", marks=pytest.mark.slow)]
)
def test_axe_finds_nothing(
    visit: Visit, size: object, begin: Callable[[Page], None], theme: str
) -> None:
    page = visit(size, color_scheme=theme)
    begin(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(TOO_SMALL) == []


@pytest.mark.slow
def test_what_is_painted_lightly_changes_less(visit: Visit, site: Site) -> None:
    page = visit(PHONE)
    open_painting(page)
    expect(page.get_by_label("Where it is painted lightly")).to_have_count(0)
    page.get_by_label("How strongly").fill("30")
    Fingers(page).stroke((0.2, 0.5), (0.8, 0.5))
    means = page.get_by_label("Where it is painted lightly")
    expect(means).to_have_value("strength")
    page.get_by_label("Soft edge").fill("0")

    lightly, _ = made(page, site)
    assert lightly["mask_grey"] == "strength"

    page.get_by_role("button", name="Change the mask").click()
    expect(means).to_have_value("strength")
    page.get_by_label("How strongly").fill("100")
    Fingers(page).stroke((0.2, 0.5), (0.8, 0.5))
    wholly, _ = made(page, site)

    # Of the same noise, since how far a picture is from another depends on it.
    same = [again(request, site, seed=1, steps=20) for request in (lightly, wholly)]
    changes = [difference(each, picture())[60:68, 32:96] for each in same]
    assert 0 < changes[0].mean() < 0.7 * changes[1].mean()


@pytest.mark.slow
def test_a_picture_that_grows_in_steps_keeps_what_each_added(visit: Visit, site: Site):
    page = visit(DESK)
    page.get_by_label("What should the picture show?").fill("blue sky, flat")
    open_growing(page)
    page.get_by_label("Right").fill("64")
    page.get_by_label("Right").press("Tab")
    page.get_by_role("button", name="Done").click()
    start = page.get_by_role("group", name="Start from this picture")
    expect(start.get_by_text(re.compile("Becomes .*192\\s\u00d7\\s128"))).to_be_visible()
    page.get_by_role("button", name="Make it").click()
    layers = page.get_by_role("region", name="Layers")
    expect(layers.get_by_role("listitem")).to_have_count(2, timeout=120_000)
    # The next step starts from what this one made, with no edge chosen yet.
    expect(start.get_by_text("192 \u00d7 128")).to_be_visible()
    expect(start.get_by_text("Becomes")).to_have_count(0)
    page.get_by_role("button", name="Choose the edges").click()
    page.get_by_label("Bottom").fill("64")
    page.get_by_label("Bottom").press("Tab")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Make it").click()
    expect(layers.get_by_role("listitem")).to_have_count(3, timeout=120_000)
    page.reload()
    expect(layers.get_by_role("listitem")).to_have_count(3)
    # Without the step in between there is a hole, which is filled before the picture grows on.
    layers.get_by_role("button", name="Step 1: shown").click()
    layers.get_by_role("button", name="Go on from what is shown").click()
    expect(page.locator(".make-form.lit")).to_have_count(1)
    expect(page.get_by_role("radio", name="Paint over", exact=True)).to_be_checked()
    expect(start.get_by_text("192 \u00d7 192").first).to_be_visible()
    layers.get_by_role("button", name="Step 1: shown").click()
    layers.get_by_role("button", name="Throw Step 2 off the canvas").click()
    expect(layers.get_by_role("listitem")).to_have_count(2)
    layers.get_by_role("button", name="Go on from what is shown").click()
    expect(start.get_by_text("192 \u00d7 128")).to_be_visible()
    expect(page.get_by_role("radio", name="Extend", exact=True)).to_be_checked()
