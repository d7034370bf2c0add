"""Figures that can fail: does the model draw what it is told?

`named` asks for what training showed, all of it: a test of memory. `following` asks for what it
never showed (`held_out`), measured by `composed` through the eyes of `judge`. `required` is what a
model must reach.
"""

from .following import contact_sheet, follow
from .named import evaluate, foreground, ranks, white_border
from .required import REQUIRED, shortfalls
from .samplers import compare

__all__ = [
    "REQUIRED",
    "compare",
    "contact_sheet",
    "evaluate",
    "follow",
    "foreground",
    "ranks",
    "shortfalls",
    "white_border",
]
