"""Pictures as ControlNets read them: edges, lines, tones."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageOps

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""RGB, (height, width, 3)."""

Name = Literal["none", "canny", "scribble", "blur", "grayscale", "invert"]

CANNY_THRESHOLDS = (100, 200)
"""Those that lllyasviel's annotators and diffusers' examples use."""

BLUR_DEVIATION = 9.0
"""Pixels; that of AUTOMATIC1111's blur_gaussian, for tile and blur ControlNets."""

SCRIBBLE_THRESHOLD = 32
"""That of AUTOMATIC1111's scribble_xdog."""


def preprocess(name: Name, picture: Picture) -> Picture:
    """The picture (H, W, 3) as the ControlNets of that kind were trained to read it; same size."""
    return np.ascontiguousarray(PREPROCESSORS[name](picture))


def _same(picture: Picture) -> Picture:
    return picture


def _canny(picture: Picture) -> Picture:
    """White edges on black (Canny 1986)."""
    return _three(cv2.Canny(picture, *CANNY_THRESHOLDS))


def _blur(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR_DEVIATION), np.uint8)


def _grayscale(picture: Picture) -> Picture:
    return _three(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def _invert(picture: Picture) -> Picture:
    """Black lines on white paper become the white on black that line ControlNets read."""
    return 255 - picture


def _scribble(picture: Picture) -> Picture:
    """White strokes on black where the picture is darker than round about: a difference of
    Gaussians with a threshold, after XDoG (Winnemoeller 2012)."""
    values = picture.astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(values, (0, 0), deviation) for deviation in (0.5, 5.0))
    darker = -(255 - np.min(coarse - fine, axis=2)).clip(0, 255) + 255
    return _three(np.where(2 * darker > SCRIBBLE_THRESHOLD, 255, 0))


def _three(channel: object) -> Picture:
    """One channel (H, W) as three."""
    return np.dstack([np.asarray(channel, np.uint8)] * 3)


PREPROCESSORS: Mapping[Name, Callable[[Picture], Picture]] = {
    "none": _same,
    "canny": _canny,
    "scribble": _scribble,
    "blur": _blur,
    "grayscale": _grayscale,
    "invert": _invert,
}


def control_map(
    name: Name,
    png: bytes,
    size: tuple[int, int] | None = None,
    thresholds: tuple[int, int] = CANNY_THRESHOLDS,
) -> bytes:
    """A picture as a ControlNet of that kind reads it, as PNG: at its own size, or its middle at
    another. The thresholds are Canny's."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if size is not None and size != picture.size:
        picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    pixels = np.asarray(picture)
    made = _three(cv2.Canny(pixels, *thresholds)) if name == "canny" else preprocess(name, pixels)
    Image.fromarray(made).save(out, "PNG", compress_level=1)
    return out.getvalue()
