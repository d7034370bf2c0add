"""The part of docs/features.md on files: a line for each that a test sends by HTTP."""

from __future__ import annotations

from tests.dropped.test_checkpoints import CASES
from tests.dropped.test_loras import KINDS, OTHER_NAMES

TITLE = "## files, the whole way"

INTRODUCTION = """\
Each of these is one file that a test drops into a folder of a running server; the picture that
comes back by HTTP is equal to stock diffusers' from the same weights, checkpoints within 2 levels
of 255, LoRAs against weights that were merged by hand within 1. The checkpoints have every key of
the real ones, at smaller widths, with random weights. Nine of them (checkpoints of Stable Diffusion
1.5, SDXL, inpainting and v-prediction, a LoHa, a DoRA, a ControlNet, an autoencoder, a word) are
also dropped into `darkroom up` while a phone's page is open, and Stable Diffusion 1.5 in full size.
"""

PARTS = (
    "ControlNet for sd1, in its inventors' layout",
    "autoencoder, named with `vae`",
    "autoencoder beside a checkpoint that has none",
    "autoencoder, named with `vae`, for SDXL with and without its own",
    "autoencoder, named with `vae`, for Stable Diffusion 3 and Flux",
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
