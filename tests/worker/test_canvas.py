"""What the engine starts from, and how its result becomes the caller's picture: to the pixel."""

from math import ceil
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from jobs.request.request import Expand, Hires, ResolvedRequest
from worker.canvas import Canvas, CanvasError, prepare
from worker.canvas.masks import fill, masked_area, soften
from worker.engine.parts.upscaler import lanczos


def asked(kind: str, width: int = 64, height: int = 64, **fields: Any) -> ResolvedRequest:
    common: dict[str, Any] = {"steps": 4, "guidance_scale": 2.0, "seed": 7, "sampler": "euler"}
    size: dict[str, Any] = {"width": width, "height": height}
    return ResolvedRequest(kind=kind, model="m", prompt="", **common | size | fields)


def noisy(width: int, height: int, seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))


def smooth(width: int, height: int) -> Image.Image:
    small = noisy(5, 4, seed=3)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def mask_of(width: int, height: int, *white: tuple[int, int, int, int]) -> Image.Image:
    pixels = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in white:
        pixels[top:bottom, left:right] = 255
    return Image.fromarray(pixels)


def other_picture(canvas: Canvas) -> np.ndarray:
    """A result of the engine that is nowhere what the canvas was."""
    width, height = canvas.width, canvas.height
    if canvas.enlarge is not None:
        width, height = canvas.enlarge.width, canvas.enlarge.height
    if canvas.image is not None and canvas.image.shape[:2] == (height, width):
        return canvas.image ^ 0x80
    return np.array(noisy(width, height, seed=9))


def softened(mask: Image.Image, blur: int) -> np.ndarray:
    """AUTOMATIC1111's blur of a mask (modules/processing.py), one axis after the other."""
    pixels = np.array(mask)
    if not blur:
        return pixels
    size = 2 * int(2.5 * blur + 0.5) + 1
    return cv2.GaussianBlur(cv2.GaussianBlur(pixels, (size, 1), blur), (1, size), blur)


def test_text_to_image_gives_the_engines_picture_as_it_is():
    canvas = prepare(asked("text-to-image", 64, 48), None, None, 8)
    assert (canvas.width, canvas.height, canvas.image, canvas.mask) == (64, 48, None, None)
    result = np.array(noisy(64, 48))
    assert np.array_equal(canvas.compose(result), result)


@pytest.mark.parametrize("kind", ["image-to-image", "variations"])
def test_a_picture_of_the_size_asked_for_reaches_the_engine_untouched(kind: str):
    picture = noisy(64, 48)
    canvas = prepare(asked(kind, 64, 48), picture, None, 8)
    assert np.array_equal(canvas.image, np.array(picture))
    assert canvas.mask is None


def test_crop_keeps_the_middle_of_the_picture():
    picture = smooth(150, 70)
    canvas = prepare(asked("image-to-image", 64, 64, resize="crop"), picture, None, 8)
    expected = ImageOps.fit(picture, (64, 64), Image.Resampling.LANCZOS)
    assert np.abs(canvas.image.astype(int) - np.array(expected)).max() <= 1


def test_stretch_brings_all_of_the_picture_to_the_new_shape():
    picture = smooth(150, 70)
    canvas = prepare(asked("image-to-image", 64, 64, resize="stretch"), picture, None, 8)
    expected = picture.resize((64, 64), Image.Resampling.LANCZOS)
    assert np.array_equal(canvas.image, np.array(expected))


def test_pad_keeps_the_whole_picture_and_draws_its_edges_out():
    picture = noisy(128, 64)
    canvas = prepare(asked("image-to-image", 64, 64, resize="pad"), picture, None, 8)
    inside = np.array(picture.resize((64, 32), Image.Resampling.LANCZOS))
    assert np.array_equal(canvas.image[16:48], inside)
    assert (canvas.image[:16] == inside[0]).all()
    assert (canvas.image[48:] == inside[-1]).all()


def test_a_size_that_is_no_multiple_is_worked_on_with_its_edges_drawn_out_and_cut_back():
    picture = noisy(33, 21)
    canvas = prepare(asked("image-to-image", 33, 21), picture, None, 8)
    assert (canvas.width, canvas.height) == (40, 24)
    assert np.array_equal(canvas.image[:21, :33], np.array(picture))
    assert (canvas.image[:21, 33:] == canvas.image[:21, 32:33]).all()
    assert (canvas.image[21:] == canvas.image[20:21]).all()
    assert np.array_equal(canvas.compose(canvas.image), np.array(picture))


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


@pytest.mark.parametrize("how", ["fill", "original"])
def test_outpainting_keeps_the_picture_and_repaints_all_that_is_new(how: str):
    picture = noisy(101, 67)
    expand = Expand(left=30, right=11)
    request = asked("outpaint", 142, 67, expand=expand, mask_blur=3, fill=how)
    canvas = prepare(request, picture, None, 8)
    assert (canvas.width, canvas.height) == (144, 72)
    result = other_picture(canvas)
    composed = canvas.compose(result)
    assert composed.shape == (67, 142, 3)
    assert np.array_equal(composed[:, :30], result[:67, :30])
    assert np.array_equal(composed[:, 131:], result[:67, 131:142])
    reach = 3 + 3 * 3  # the overlap, and as far as the blur reaches
    middle = slice(30 + reach, 131 - reach)
    assert np.array_equal(composed[:, middle], np.array(picture)[:, reach:-reach])
    # The seam, but neither the top nor the bottom of the picture, is the engine's to mend.
    assert (canvas.mask[:67, 30:33] == 255).all()
    assert (canvas.mask[:67, 50:110] == 0).all()


def test_outpainting_begins_with_the_edges_colours_on_each_side():
    picture = Image.new("RGB", (64, 64), (200, 40, 40))
    picture.paste((40, 40, 200), (32, 0, 64, 64))
    expand = Expand(left=32, right=32)
    for how in ("fill", "original"):
        request = asked("outpaint", 128, 64, expand=expand, fill=how)
        image = prepare(request, picture, None, 8).image.astype(int)
        assert (image[:, 28, 0] > image[:, 28, 2] + 50).all()
        assert (image[:, 100, 2] > image[:, 100, 0] + 50).all()


def test_upscaling_hands_the_engine_the_picture_at_its_own_size():
    picture = noisy(64, 40)
    canvas = prepare(
        asked("upscale", 128, 80, scale=2.0, upscaler="lanczos", strength=0.3), picture, None, 8
    )
    assert np.array_equal(canvas.image, np.array(picture))
    assert canvas.mask is None
    enlarge = canvas.enlarge
    assert (enlarge.width, enlarge.height, enlarge.strength) == (128, 80, 0.3)
    result = other_picture(canvas)
    assert np.array_equal(canvas.compose(result), result)


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
@pytest.mark.parametrize("scale", [1.0, 1.37, 1.5, 2.0, 3.3])
def test_an_odd_picture_is_upscaled_without_being_distorted(scale: float, upscaler: str):
    picture = smooth(101, 67)
    final = round(101 * scale), round(67 * scale)
    request = asked("upscale", *final, scale=scale, upscaler=upscaler, strength=0.4)
    canvas = prepare(request, picture, None, 8)
    assert canvas.enlarge.width % 8 == canvas.enlarge.height % 8 == 0
    assert canvas.enlarge.width >= final[0]
    assert canvas.enlarge.height >= final[1]
    composed = canvas.compose(lanczos(canvas.image, canvas.enlarge.width, canvas.enlarge.height))
    expected = np.array(picture.resize(final, Image.Resampling.LANCZOS))
    assert composed.shape == expected.shape
    assert np.abs(composed.astype(int) - expected)[4:-4, 4:-4].max() <= 4


def test_upscaling_with_strength_0_is_the_upscaler_alone_to_the_pixel():
    picture = noisy(101, 67)
    request = asked("upscale", 152, 100, scale=1.5, upscaler="lanczos", strength=0.0)
    canvas = prepare(request, picture, None, 8)
    composed = canvas.compose(lanczos(canvas.image, canvas.enlarge.width, canvas.enlarge.height))
    expected = picture.resize((152, 100), Image.Resampling.LANCZOS)
    assert np.array_equal(composed, np.array(expected))


@pytest.mark.parametrize(("kind", "picture"), [("text-to-image", False), ("image-to-image", True)])
def test_a_second_pass_makes_the_picture_its_scale_times_as_large(kind: str, picture: bool):
    hires = Hires(scale=1.3, strength=0.5, upscaler="latent")
    canvas = prepare(asked(kind, 64, 48, hires=hires), noisy(64, 48) if picture else None, None, 8)
    assert (canvas.enlarge.width, canvas.enlarge.height) == (88, 64)
    assert (canvas.enlarge.steps, canvas.enlarge.strength) == (4, 0.5)
    assert canvas.compose(np.array(noisy(88, 64))).shape == (62, 83, 3)
    doubled = prepare(asked("text-to-image", 64, 48, hires=Hires()), None, None, 8)
    result = np.array(noisy(128, 96))
    assert np.array_equal(doubled.compose(result), result)


@pytest.mark.parametrize(
    "request_",
    [
        asked("image-to-image", 72, 40),
        asked("image-to-image", 72, 44, resize="pad"),
        asked("inpaint", 150, 110),
        asked("inpaint", 64, 80, inpaint_area="masked"),
        asked("outpaint", 180, 110, expand=Expand(left=30)),
        asked("upscale", 300, 220, scale=2.0),
    ],
)
def test_a_controls_picture_lies_where_the_jobs_own_lies(request_: ResolvedRequest):
    picture, mask = noisy(150, 110), mask_of(150, 110, (60, 40, 80, 70))
    canvas = prepare(request_, picture, mask, 8)
    assert np.array_equal(canvas.fit_control(picture), canvas.image)


def test_a_controls_picture_of_another_size_fills_the_canvas():
    request = asked("text-to-image", 64, 48, resize="stretch")
    control = smooth(200, 200)
    fitted = prepare(request, None, None, 8).fit_control(control)
    assert np.array_equal(fitted, np.array(control.resize((64, 48), Image.Resampling.LANCZOS)))


SIDES = st.integers(8, 90)
SOURCE_SIDES = st.integers(1, 90)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_picture_and_mask_give_a_canvas_and_a_picture_of_the_right_size(data: st.DataObject):
    source = data.draw(st.tuples(SOURCE_SIDES, SOURCE_SIDES), label="source")
    size = data.draw(st.tuples(SIDES, SIDES), label="size")
    factor = data.draw(st.sampled_from([4, 8, 16]), label="factor")
    fields = {
        "resize": data.draw(st.sampled_from(["stretch", "crop", "pad"])),
        "mask_blur": data.draw(st.sampled_from([0, 1, 4, 20])),
        "mask_padding": data.draw(st.integers(0, 60)),
        "mask_invert": data.draw(st.booleans()),
        "fill": data.draw(st.sampled_from(["fill", "original", "noise", "nothing"])),
        "inpaint_area": data.draw(st.sampled_from(["whole", "masked"])),
    }
    kind = data.draw(st.sampled_from(["image-to-image", "inpaint", "outpaint", "upscale"]))
    final = size
    if kind == "inpaint" and fields["inpaint_area"] == "masked":
        final = source
    if kind == "outpaint":
        margin = st.integers(0, 30)
        expand = Expand(**{side: data.draw(margin) for side in ("left", "top", "right", "bottom")})
        fields["expand"] = expand
        size = final = (
            source[0] + expand.left + expand.right,
            source[1] + expand.top + expand.bottom,
        )
    if kind == "upscale":
        scale = data.draw(st.floats(1, 4))
        size = final = round(source[0] * scale), round(source[1] * scale)
        fields |= {"upscaler": "latent", "strength": 0.5}
    other = data.draw(st.tuples(SOURCE_SIDES, SOURCE_SIDES), label="mask size")
    left, top = (data.draw(st.integers(0, side - 1)) for side in other)
    right, bottom = data.draw(st.integers(left + 1, 90)), data.draw(st.integers(top + 1, 90))
    mask = mask_of(*other, (left, top, right, bottom))
    picture = noisy(*source)
    try:
        canvas = prepare(asked(kind, *size, **fields), picture, mask, factor)
    except CanvasError:
        # All of the mask was cut away, or inverted away.
        assume(kind != "inpaint")
        raise
    assert canvas.width % factor == canvas.height % factor == 0
    if canvas.image is not None:
        assert canvas.image.shape == (canvas.height, canvas.width, 3)
    if kind != "upscale" and final == size:
        assert (canvas.width, canvas.height) == tuple(ceil(s / factor) * factor for s in size)
    result = other_picture(canvas)
    composed = canvas.compose(result)
    assert composed.shape == (final[1], final[0], 3)
    assert composed.dtype == np.uint8
    assert canvas.fit_control(picture).shape == (canvas.height, canvas.width, 3)
    if canvas.mask is not None:
        assert canvas.mask.shape == (canvas.height, canvas.width)
        assert canvas.mask.max() == 255
        kept = canvas.weights == 0
        assert np.array_equal(composed[kept], canvas.original[kept])
        if canvas.original.shape == np.array(picture).shape and final == source:
            assert np.array_equal(composed[kept], np.array(picture)[kept])
