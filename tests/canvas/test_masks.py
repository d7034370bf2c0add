"""What is repainted, what is seen of it, and what lies under it first: to the pixel."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from tests.canvas.helpers import asked, mask_of, noisy, other_picture, smooth, softened
from worker.canvas import CanvasError, prepare
from worker.canvas.masks import fill, masked_area, soften


@pytest.mark.parametrize("blur", [0, 1, 4, 17])
@pytest.mark.parametrize("size", [(64, 64), (67, 45)])
def test_inpainting_changes_nothing_outside_the_mask_and_all_of_it_inside(
    size: tuple[int, int], blur: int
):
    picture, mask = noisy(*size), mask_of(*size, (20, 10, 44, 30))
    canvas = prepare(asked("inpaint", *size, mask_blur=blur), picture, mask, 8)
    result = other_picture(canvas)
    composed = canvas.compose(result)
    outside, inside = softened(mask, blur) == 0, np.array(mask) == 255
    assert composed.shape == (size[1], size[0], 3)
    assert np.array_equal(composed[outside], np.array(picture)[outside])
    assert np.array_equal(composed[inside], result[: size[1], : size[0]][inside])
    assert (canvas.mask[: size[1], : size[0]][inside] == 255).all()


def test_what_the_engine_repaints_covers_all_that_is_fully_seen():
    # Otherwise the original would come back in the middle of the mask, encoded and decoded.
    mask = mask_of(64, 64, (20, 10, 44, 30), (40, 25, 60, 50))
    canvas = prepare(asked("inpaint", mask_blur=6), noisy(64, 64), mask, 8)
    assert (canvas.mask[canvas.weights == 255] == 255).all()


def test_the_edge_of_the_mask_fades_from_the_result_to_the_original():
    white, black = Image.new("RGB", (64, 64), "white"), np.zeros((64, 64, 3), np.uint8)
    mask = mask_of(64, 64, (0, 0, 32, 64))
    canvas = prepare(asked("inpaint", mask_blur=4), white, mask, 8)
    row = canvas.compose(black)[32, :, 0].astype(int)
    assert (row[:32] == 0).all()
    assert (row[43:] == 255).all()
    assert (np.diff(row[31:43]) > 0).all()


def test_a_dot_is_not_blurred_away():
    mask = mask_of(64, 64, (30, 30, 31, 31))
    canvas = prepare(asked("inpaint", mask_blur=16), noisy(64, 64), mask, 8)
    result = other_picture(canvas)
    assert canvas.mask[30, 30] == 255
    assert np.array_equal(canvas.compose(result)[30, 30], result[30, 30])


def test_the_masks_edge_is_softened_as_automatic1111_does():
    mask = mask_of(80, 60, (20, 10, 44, 30))
    ours, theirs = soften(np.array(mask), 5), softened(mask, 5)
    outside = np.array(mask) == 0
    assert np.abs(ours[outside].astype(int) - theirs[outside]).max() <= 1


def test_only_masked_gives_a_picture_of_the_originals_size_changed_under_the_mask_alone():
    picture, mask = noisy(301, 203), mask_of(301, 203, (120, 60, 160, 110))
    request = asked("inpaint", 64, 64, inpaint_area="masked", mask_padding=16)
    canvas = prepare(request, picture, mask, 8)
    assert (canvas.width, canvas.height) == (64, 64)
    composed = canvas.compose(np.zeros((64, 64, 3), np.uint8))
    assert composed.shape == (203, 301, 3)
    outside = softened(mask, 4) == 0
    assert np.array_equal(composed[outside], np.array(picture)[outside])
    assert (composed[np.array(mask) == 255] == 0).all()


def test_only_masked_at_the_areas_own_size_is_the_engines_result_to_the_pixel():
    picture, mask = noisy(200, 150), mask_of(200, 150, (80, 60, 112, 92))
    request = asked("inpaint", 64, 64, inpaint_area="masked", mask_padding=16, mask_blur=0)
    canvas = prepare(request, picture, mask, 8)
    assert np.array_equal(canvas.image, np.array(picture)[44:108, 64:128])
    result = other_picture(canvas)
    assert np.array_equal(canvas.compose(result)[60:92, 80:112], result[16:48, 16:48])


def test_only_masked_shows_the_engine_the_masked_area_at_full_size():
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste("black", (190, 140, 210, 160))
    mask = mask_of(400, 300, (190, 140, 210, 160))
    request = asked("inpaint", 64, 64, inpaint_area="masked", mask_padding=0, mask_blur=0)
    canvas = prepare(request, picture, mask, 8)
    assert (canvas.image == 0).all()
    assert (canvas.mask == 255).all()


@given(
    size=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    spot=st.tuples(st.integers(0, 199), st.integers(0, 199)),
    padding=st.integers(0, 60),
    shape=st.sampled_from([(64, 64), (64, 128), (512, 72)]),
)
@settings(max_examples=100, deadline=None)
def test_the_masked_area_is_the_one_that_automatic1111_finds(
    size: tuple[int, int], spot: tuple[int, int], padding: int, shape: tuple[int, int]
):
    left, top = min(spot[0], size[0] - 1), min(spot[1], size[1] - 1)
    mask = mask_of(*size, (left, top, left + 13, top + 7))
    area = masked_area(np.array(mask), padding, shape)
    assert area.corners == automatic1111_area(mask, padding, *shape)


def automatic1111_area(mask: Image.Image, padding: int, width: int, height: int):
    """modules/masking.py: get_crop_region_v2 and expand_crop_region."""
    box = mask.getbbox()
    x1, y1 = max(box[0] - padding, 0), max(box[1] - padding, 0)
    x2, y2 = min(box[2] + padding, mask.width), min(box[3] + padding, mask.height)
    if (x2 - x1) / (y2 - y1) > width / height:
        difference = int((x2 - x1) / (width / height) - (y2 - y1))
        y1 -= difference // 2
        y2 += difference - difference // 2
        if y2 >= mask.height:
            y1, y2 = y1 - (y2 - mask.height), mask.height
        if y1 < 0:
            y1, y2 = 0, y2 - y1
        y2 = min(y2, mask.height)
    else:
        difference = int((y2 - y1) * (width / height) - (x2 - x1))
        x1 -= difference // 2
        x2 += difference - difference // 2
        if x2 >= mask.width:
            x1, x2 = x1 - (x2 - mask.width), mask.width
        if x1 < 0:
            x1, x2 = 0, x2 - x1
        x2 = min(x2, mask.width)
    return x1, y1, x2, y2


def test_mask_invert_repaints_the_black():
    picture, mask = noisy(64, 64), mask_of(64, 64, (20, 10, 44, 30))
    inverted = prepare(asked("inpaint", mask_invert=True), picture, ImageOps.invert(mask), 8)
    plain = prepare(asked("inpaint"), picture, mask, 8)
    assert np.array_equal(inverted.mask, plain.mask)
    assert np.array_equal(inverted.weights, plain.weights)


def test_a_mask_of_another_size_is_scaled_to_the_picture():
    picture = noisy(64, 64)
    small = prepare(asked("inpaint", mask_blur=0), picture, mask_of(16, 16, (4, 4, 8, 12)), 8)
    large = prepare(
        asked("inpaint", mask_blur=0), picture, mask_of(256, 256, (64, 64, 128, 192)), 8
    )
    expected = np.array(mask_of(64, 64, (16, 16, 32, 48)))
    assert np.array_equal(large.mask, expected)
    assert (small.mask != expected).mean() < 0.01


def test_a_thin_line_of_a_large_mask_is_still_repainted():
    mask = mask_of(1024, 1024, (0, 515, 1024, 516))
    canvas = prepare(asked("inpaint", mask_blur=0), noisy(64, 64), mask, 8)
    assert (canvas.mask[32] == 255).all()


@pytest.mark.parametrize(
    ("fields", "mask", "word"),
    [
        ({}, mask_of(64, 64), "nothing white"),
        ({"mask_invert": True}, mask_of(64, 64, (0, 0, 64, 64)), "nothing black"),
        ({"inpaint_area": "masked"}, mask_of(64, 64), "nothing white"),
        ({"width": 16}, mask_of(64, 64, (0, 0, 10, 64)), "outside the part"),
    ],
)
def test_a_mask_with_nothing_to_repaint_says_so(
    fields: dict[str, Any], mask: Image.Image, word: str
):
    with pytest.raises(CanvasError, match=word):
        prepare(asked("inpaint", **fields), noisy(64, 64), mask, 8)


def test_a_job_without_the_picture_that_it_needs_says_which():
    with pytest.raises(CanvasError, match="image: is required"):
        prepare(asked("image-to-image"), None, None, 8)
    with pytest.raises(CanvasError, match="mask: is required"):
        prepare(asked("inpaint"), noisy(64, 64), None, 8)


def test_fill_puts_the_surroundings_colours_under_the_mask():
    picture = Image.new("RGB", (96, 64), (200, 40, 40))
    picture.paste((40, 40, 200), (48, 0, 96, 64))
    picture.paste((0, 255, 0), (20, 20, 76, 44))
    mask = mask_of(96, 64, (20, 20, 76, 44))
    canvas = prepare(asked("inpaint", 96, 64, fill="fill"), picture, mask, 8)
    kept = canvas.mask == 0
    assert np.array_equal(canvas.image[kept], np.array(picture)[kept])
    left, right = canvas.image[32, 24].astype(int), canvas.image[32, 72].astype(int)
    assert left[0] > 150 > left[2]
    assert right[2] > 150 > right[0]
    assert canvas.image[..., 1].max() < 60
    # What is composed over is the picture itself, not what was filled in.
    assert np.array_equal(canvas.original, np.array(picture))


def test_fill_is_automatic1111s_near_what_is_kept():
    picture, mask = smooth(128, 96), mask_of(128, 96, (40, 30, 90, 70))
    ours = fill(np.array(picture), np.array(mask)).astype(int)
    assert np.abs(ours - automatic1111_fill(picture, mask)).max() <= 3


def automatic1111_fill(image: Image.Image, mask: Image.Image) -> np.ndarray:
    """modules/masking.py: fill."""
    filled = Image.new("RGBA", image.size)
    masked = Image.new("RGBa", image.size)
    masked.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask))
    for radius, repeats in [(256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)]:
        blurred = masked.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(repeats):
            filled.alpha_composite(blurred)
    return np.array(filled.convert("RGB")).astype(int)


def test_a_mask_over_everything_is_filled_with_grey():
    everything = np.full((40, 40), 255, np.uint8)
    assert (fill(np.array(noisy(40, 40)), everything) == 128).all()


@pytest.mark.parametrize("how", ["original", "noise", "nothing"])
def test_the_other_fills_leave_the_picture_to_the_engine(how: str):
    picture, mask = noisy(64, 64), mask_of(64, 64, (20, 10, 44, 30))
    canvas = prepare(asked("inpaint", fill=how), picture, mask, 8)
    assert np.array_equal(canvas.image, np.array(picture))
