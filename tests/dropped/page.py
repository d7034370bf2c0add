"""The part of docs/features.md on files: a line for each that a test sends by HTTP."""

from __future__ import annotations

from tests.dropped.test_checkpoints import CASES
from tests.dropped.test_loras import KINDS, OTHER_NAMES

TITLE = "## files, the whole way"

INTRODUCTION = """\
Each of these is one file that a test drops into a folder of a running server; the picture that
comes back by HTTP is equal to stock diffusers' from the same weights, checkpoints within 2 levels
of 255, LoRAs against weights that were merged by hand within 1. The checkpoints have every key of
the real ones, at smaller widths, with random weights.
"""

PARTS = (
    "ControlNet for sd1, in its inventors' layout",
    "autoencoder, named with `vae`",
    "autoencoder beside a checkpoint that has none",
    "textual inversion `emb_params`",
    "folder with half precision alone",
    "LoRA: norm with its bias",
)


def section() -> str:
    """The lines of the page."""
    lines = [f"- checkpoint: {case}" for case in CASES]
    lines += [f"- LoRA: {kind}" for kind in KINDS]
    lines += [f"- LoRA: {name} names" for name in OTHER_NAMES]
    lines += [f"- {part}" for part in PARTS]
    return "\n".join([TITLE, "", INTRODUCTION, *lines, ""])
