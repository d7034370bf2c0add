"""How the greys of a mask are read: what counts as black, as white, and as one half."""

from __future__ import annotations

from typing import Literal

MaskGrey = Literal["mix", "strength", "cut"]

NEARLY = 8
"""Levels from black or white that count as it: what JPEG leaves in either is no paint."""

HALF = 128
"""The least level that is white where greys are cut."""


def paints(levels: tuple[int, int], grey: MaskGrey, *, invert: bool) -> bool:
    """Whether a mask with these darkest and lightest levels has anything to repaint."""
    lightest = 255 - levels[0] if invert else levels[1]
    return lightest >= HALF if grey == "cut" else lightest > NEARLY
