"""The preprocessors that need no weights, by name, for whoever makes no maps."""

from typing import Literal

Preprocessor = Literal[
    "none",
    "canny",
    "lineart",
    "scribble",
    "tile",
    "blur",
    "grayscale",
    "luminance",
    "intensity",
    "threshold",
    "color-grid",
    "invert",
]
