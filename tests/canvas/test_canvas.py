"""What the engine starts from, and how its result becomes the caller's picture: to the pixel."""

from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from jobs.request.fields.parts import Expand, Hires
from jobs.request.request import ResolvedRequest
from tests.canvas.helpers import asked, mask_of, noisy, other_picture, smooth
from worker.canvas import CanvasError, prepare
from worker.engine.parts.upscaler import lanczos


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
