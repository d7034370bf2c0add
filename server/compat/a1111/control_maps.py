"""What a preprocessor of the ControlNet extension makes of a picture, where OpenCV is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from jobs.pictures.preprocessors import Preprocessor
from server.compat.pictures import TURNS

MODULES: Mapping[str, Preprocessor] = {
    "none": "none",
    "canny": "canny",
    "lineart_standard": "lineart",
    "scribble_xdog": "scribble",
    "tile_resample": "tile",
    "blur_gaussian": "blur",
    "grayscale": "grayscale",
    "recolor_luminance": "luminance",
    "recolor_intensity": "intensity",
    "threshold": "threshold",
    "t2ia_color_grid": "color-grid",
    "invert": "invert",
}
"""Our preprocessors by the names that the extension has for them."""

TASKS: Mapping[str, str] = {
    **dict.fromkeys(("openpose", "dw_openpose"), "pose"),
    **dict.fromkeys(("seg_ofade20k", "seg_ufade20k"), "segmentation"),
    **dict.fromkeys(
        ("depth_midas", "depth_zoe", "depth_leres", "depth_anything", "depth_anything_v2"), "depth"
    ),
    **dict.fromkeys(("normal_midas", "normal_bae", "normal_dsine"), "normal"),
}
"""What modules of the extension make that are models: the owner's own model for that stands in.
Those that draw hands and faces, or other colours than ADE20K's, are not done here."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Tuned:
    """A module and what tunes it; None is as usual."""

    module: str
    threshold_a: float | None = None
    threshold_b: float | None = None


@dataclass(frozen=True)
class Slider:
    """What a module is tuned by in the extension."""

    name: str
    value: float
    least: float
    most: float
    step: float = 1


SLIDERS: Mapping[str, tuple[Slider, ...]] = {
    "canny": (
        Slider("Low Threshold", 100, 1, 255),
        Slider("High Threshold", 200, 1, 255),
    ),
    "scribble_xdog": (Slider("XDoG Threshold", 32, 1, 64),),
    "tile_resample": (Slider("Down Sampling Rate", 1, 1, 8, 0.01),),
    "blur_gaussian": (Slider("Sigma", 9, 0.01, 64, 0.01),),
    "recolor_luminance": (Slider("Gamma Correction", 1, 0.1, 2, 0.001),),
    "recolor_intensity": (Slider("Gamma Correction", 1, 0.1, 2, 0.001),),
    "threshold": (Slider("Binarization Threshold", 127, 0, 255),),
}


def tuned(module: str, threshold_a: float, threshold_b: float) -> Tuned:
    """A module as it was asked for: what is outside of a slider, such as -1, is as usual."""
    sliders = SLIDERS.get(module, ())
    given = [
        value if slider.least <= value <= slider.most else None
        for slider, value in zip(sliders, (threshold_a, threshold_b), strict=False)
    ]
    return Tuned(module, *given)


class NoOpenCV(Exception):
    """The API runs apart from the workers, without OpenCV: no map can be shown."""


def control_map(wanted: Tuned, png: bytes, size: Size | None = None) -> bytes:
    """A picture as the ControlNets of that kind read it, as PNG.

    Raises NoOpenCV, or Busy.
    """
    make = _maker()
    if make is None:
        raise NoOpenCV
    with TURNS.take(object()):
        name = MODULES[wanted.module]
        return make(name, png, size, wanted.threshold_a, wanted.threshold_b)


@cache
def _maker() -> Callable[..., bytes] | None:
    # OpenCV takes 60 MB, and few ask: it is loaded by the first who does, where it is installed.
    try:
        maps = import_module("jobs.pictures.preprocess")
    except ImportError:
        return None
    return maps.control_map
