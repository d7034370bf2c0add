"""Pictures as ControlNets read them: edges, lines, tones."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from jobs.pictures.preprocessors import Preprocessor

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""RGB, (height, width, 3)."""

CANNY_THRESHOLDS = (100, 200)
"""Those that lllyasviel's annotators and diffusers' examples use."""

BLUR_DEVIATION = 9.0
"""Pixels; that of AUTOMATIC1111's blur_gaussian, for tile and blur ControlNets."""

SCRIBBLE_THRESHOLD = 32
"""That of AUTOMATIC1111's scribble_xdog."""

THRESHOLD = 127
"""That of its threshold."""

LINE_DEVIATION = 6.0
"""Pixels; that of its lineart_standard."""

CELL = 64
"""Pixels of a square of one colour, as T2I-Adapters of colours were trained with."""


def preprocess(
    name: Preprocessor,
    picture: Picture,
    threshold_a: float | None = None,
    threshold_b: float | None = None,
) -> Picture:
    """The picture (H, W, 3) as the ControlNets of that kind were trained to read it; same size.

    The thresholds tune it, as far as it is tuned by any; without them they are the usual ones.
    """
    more = (threshold_b,) if name == "canny" else ()
    return np.ascontiguousarray(PREPROCESSORS[name](picture, threshold_a, *more))


def _same(picture: Picture, _: float | None) -> Picture:
    return picture


def _canny(picture: Picture, low: float | None, high: float | None = None) -> Picture:
    """White edges on black (Canny 1986)."""
    usual_low, usual_high = CANNY_THRESHOLDS
    low = usual_low if low is None else low
    return _three(cv2.Canny(picture, low, usual_high if high is None else high))


def _lineart(picture: Picture, _: float | None) -> Picture:
    """White lines on black where the picture is darker than round about, the usual of them as
    strong as in other pictures: drawings on white paper."""
    values = picture.astype(np.float32)
    around = cv2.GaussianBlur(values, (0, 0), LINE_DEVIATION)
    lines = np.min(around - values, axis=2).clip(0, 255)
    seen = lines[lines > 8]
    usual = max(16.0, float(np.median(seen))) if seen.size else 16.0
    return _three((lines / usual * 127).clip(0, 255))


def _tile(picture: Picture, times: float | None) -> Picture:
    """As if it had been so many times smaller."""
    height, width = picture.shape[:2]
    times = max(1.0, times or 1.0)
    size = max(1, int(width / times)), max(1, int(height / times))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _blur(picture: Picture, deviation: float | None) -> Picture:
    deviation = BLUR_DEVIATION if deviation is None else max(0.1, deviation)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.uint8)


def _grayscale(picture: Picture, _: float | None) -> Picture:
    return _three(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def _luminance(picture: Picture, gamma: float | None) -> Picture:
    """How light it is to the eye, for ControlNets that colour."""
    return _three(_curved(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[..., 0], gamma))


def _intensity(picture: Picture, gamma: float | None) -> Picture:
    """How strong its strongest colour is."""
    return _three(_curved(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 2], gamma))


def _curved(channel: Any, gamma: float | None) -> Any:
    return ((channel / 255.0) ** (1.0 if gamma is None else gamma) * 255).clip(0, 255)


def _threshold(picture: Picture, level: float | None) -> Picture:
    """White where all of its colours are lighter than that."""
    level = THRESHOLD if level is None else level
    return _three(np.where(picture.min(axis=2) > level, 255, 0))


def _color_grid(picture: Picture, _: float | None) -> Picture:
    """Squares of one colour each."""
    height, width = picture.shape[:2]
    size = max(1, width // CELL), max(1, height // CELL)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _invert(picture: Picture, _: float | None) -> Picture:
    """Black lines on white paper become the white on black that line ControlNets read."""
    return 255 - picture


def _scribble(picture: Picture, threshold: float | None) -> Picture:
    """White strokes on black where the picture is darker than round about: a difference of
    Gaussians with a threshold, after XDoG (Winnemoeller 2012)."""
    values = picture.astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(values, (0, 0), deviation) for deviation in (0.5, 5.0))
    darker = -(255 - np.min(coarse - fine, axis=2)).clip(0, 255) + 255
    least = SCRIBBLE_THRESHOLD if threshold is None else threshold
    return _three(np.where(2 * darker > least, 255, 0))


def _three(channel: object) -> Picture:
    """One channel (H, W) as three."""
    return np.dstack([np.asarray(channel, np.uint8)] * 3)


PREPROCESSORS: Mapping[Preprocessor, Callable[..., Picture]] = {
    "none": _same,
    "canny": _canny,
    "lineart": _lineart,
    "scribble": _scribble,
    "tile": _tile,
    "blur": _blur,
    "grayscale": _grayscale,
    "luminance": _luminance,
    "intensity": _intensity,
    "threshold": _threshold,
    "color-grid": _color_grid,
    "invert": _invert,
}
"""Each is tuned by one number at most, but for Canny's two."""


def control_map(
    name: Preprocessor,
    png: bytes,
    size: tuple[int, int] | None = None,
    threshold_a: float | None = None,
    threshold_b: float | None = None,
) -> bytes:
    """A picture as a ControlNet of that kind reads it, as PNG: at its own size, or its middle at
    another."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if size is not None and size != picture.size:
        picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    made = preprocess(name, np.asarray(picture), threshold_a, threshold_b)
    Image.fromarray(made).save(out, "PNG", compress_level=1)
    return out.getvalue()
