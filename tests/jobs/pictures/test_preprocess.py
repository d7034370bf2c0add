"""Pictures as ControlNets read them."""

from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from jobs.pictures.preprocess import PREPROCESSORS, preprocess
from jobs.pictures.preprocessors import Preprocessor


def disc(size: int = 96) -> np.ndarray:
    """A black disc on white paper."""
    pixels = np.full((size, size, 3), 255, np.uint8)
    cv2.circle(pixels, (size // 2, size // 2), size // 4, (0, 0, 0), -1)
    return pixels


def test_every_preprocessor_that_a_request_may_name_is_there():
    assert set(get_args(Preprocessor)) == PREPROCESSORS.keys()


@pytest.mark.parametrize("name", PREPROCESSORS)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (40, 64)])
def test_each_keeps_the_pictures_size_and_leaves_the_picture_alone(
    name: Preprocessor, size: tuple[int, int]
):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    before = picture.copy()
    made = preprocess(name, picture)
    assert (made.shape, made.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)


def test_canny_draws_a_thin_white_outline_on_black():
    made = preprocess("canny", disc())
    white = made[..., 0] == 255
    assert set(np.unique(made)) == {0, 255}
    ys, xs = np.nonzero(white)
    from_middle = np.hypot(ys - 48, xs - 48)
    assert from_middle.min() > 22
    assert from_middle.max() < 27
    assert 100 < white.sum() < 300


def test_scribble_draws_dark_lines_as_white_strokes():
    paper = np.full((96, 96, 3), 255, np.uint8)
    cv2.line(paper, (10, 48), (86, 48), (0, 0, 0), 3)
    made = preprocess("scribble", paper)
    assert set(np.unique(made)) == {0, 255}
    assert (made[48, 20:80] == 255).all()
    assert (made[:35] == 0).all()
    assert (made[60:] == 0).all()


def test_scribble_is_automatic1111s():
    picture = np.array(
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 6, 3), np.uint8)).resize(
            (64, 64)
        )
    )
    fine = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.5)
    coarse = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 5.0)
    difference = (255 - np.min(coarse - fine, axis=2)).clip(0, 255).astype(np.uint8)
    expected = np.zeros_like(picture)
    expected[2 * (255 - difference.astype(int)) > 32] = 255
    assert (preprocess("scribble", picture) != expected).mean() < 0.01


def test_grayscale_keeps_the_brightness_and_drops_the_colour():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    expected = np.array(ImageOps.grayscale(Image.fromarray(picture))).astype(int)
    for channel in range(3):
        made = preprocess("grayscale", picture)[..., channel].astype(int)
        assert np.abs(made - expected).max() <= 1


def test_invert_turns_black_lines_white():
    picture = disc()
    made = preprocess("invert", picture)
    assert np.array_equal(made, np.array(ImageOps.invert(Image.fromarray(picture))))


def test_blur_takes_the_detail_and_keeps_the_mean():
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    made = preprocess("blur", picture)
    assert made.std() < picture.std() / 10
    assert abs(made.mean() - picture.mean()) < 2


def test_lineart_shows_ink_on_paper_as_white_on_black():
    paper = np.full((96, 96, 3), 255, np.uint8)
    cv2.line(paper, (10, 48), (86, 48), (0, 0, 0), 2)
    made = preprocess("lineart", paper)
    assert made[48, 48].min() > 100
    assert made[10].max() == 0


def test_a_threshold_is_white_above_it_alone():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    for level in (127, 200):
        made = preprocess("threshold", ramp, level)[0, :, 0]
        assert made.tolist() == [255 * (value > level) for value in range(256)]
    assert np.array_equal(preprocess("threshold", ramp), preprocess("threshold", ramp, 127))


def test_tiles_lose_detail_and_a_grid_has_one_colour_a_square():
    noise = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)
    assert np.array_equal(preprocess("tile", noise), noise)
    assert preprocess("tile", noise, 8).std() < noise.std() / 2
    grid = preprocess("color-grid", noise)
    assert all((grid[y : y + 64, x : x + 64] == grid[y, x]).all() for y in (0, 64) for x in (0, 64))


def test_cannys_thresholds_and_an_exponent_act():
    faint = np.full((64, 64, 3), 90, np.uint8)
    faint[20:44, 20:44] = 110
    assert not preprocess("canny", faint).any()
    assert preprocess("canny", faint, 10, 30).any()
    assert preprocess("luminance", faint, 2.0).mean() < preprocess("luminance", faint).mean()
