"""What a preprocessor of the ControlNet extension makes of a picture, where OpenCV is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from jobs.request.values import Preprocessor
from server.compat.pictures import TURNS

MODULES: Mapping[str, Preprocessor] = {
    "none": "none",
    "canny": "canny",
    "scribble_xdog": "scribble",
    "blur_gaussian": "blur",
    "grayscale": "grayscale",
    "invert": "invert",
}
"""Our preprocessors by the names that the extension has for them."""

LOW, HIGH = 100, 200
"""The extension's thresholds for Canny where none are sent."""

Size = tuple[int, int]


class NoOpenCV(Exception):
    """The API runs apart from the workers, without OpenCV: no map can be shown."""


def control_map(
    module: str, png: bytes, size: Size | None = None, thresholds: tuple[int, int] = (LOW, HIGH)
) -> bytes:
    """A picture as the ControlNets of that kind read it, as PNG.

    Raises NoOpenCV, or Busy.
    """
    make = _maker()
    if make is None:
        raise NoOpenCV
    with TURNS.take(object()):
        return make(MODULES[module], png, size, thresholds)


@cache
def _maker() -> Callable[..., bytes] | None:
    # OpenCV takes 60 MB, and few ask: it is loaded by the first who does, where it is installed.
    try:
        maps = import_module("jobs.pictures.preprocess")
    except ImportError:
        return None
    return maps.control_map
