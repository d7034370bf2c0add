"""Pictures as PNG: every pixel as it was, and smaller than before."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from worker.canvas.png import plain_png


def drawn(height: int, width: int) -> np.ndarray:
    """Something like a picture: soft forms with a little noise."""
    dice = np.random.default_rng(0)
    forms = Image.fromarray(dice.integers(0, 256, (height, width, 3), np.uint8))
    soft = np.asarray(forms.filter(ImageFilter.GaussianBlur(4)), np.int16)
    return (soft + dice.integers(-2, 3, soft.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (33, 64)])
def test_every_pixel_comes_back_whatever_the_size(size: tuple[int, int]):
    picture = drawn(*size)
    for each in (picture, picture[:, ::-1]):
        back = np.asarray(Image.open(io.BytesIO(plain_png(each))))
        assert np.array_equal(back, each)


def test_a_picture_takes_no_more_bytes_than_pillows_fastest():
    picture, theirs = drawn(256, 256), io.BytesIO()
    Image.fromarray(picture).save(theirs, "PNG", compress_level=1)
    assert len(plain_png(picture)) < 0.98 * len(theirs.getvalue())
