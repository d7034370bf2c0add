"""Weights of LoRAs by blocks of a U-Net, as AUTOMATIC1111's extension Block Weight has them."""

from __future__ import annotations

import re
from collections.abc import Mapping

BASE = "BASE"
"""The text encoders."""

INS, MID, OUTS = (
    [f"IN{number:02}" for number in range(12)],
    "MID",
    [f"OUT{number:02}" for number in range(12)],
)
BLOCKS = (BASE, *INS, MID, *OUTS)

LISTS: Mapping[int, tuple[str, ...]] = {
    17: (BASE, *(f"IN{n:02}" for n in (1, 2, 4, 5, 7, 8)), MID, *OUTS[3:]),
    12: (BASE, *(f"IN{n:02}" for n in (4, 5, 7, 8)), MID, *OUTS[:6]),
    20: (BASE, *INS[:9], MID, *OUTS[:9]),
    26: BLOCKS,
}
"""Which blocks a list of so many numbers is of: where Stable Diffusion 1 and SDXL have attention,
and all that SDXL and Stable Diffusion 1 have."""

# The extension's own presets.
_PRESETS: Mapping[str, str] = {
    "NONE": "00000000000000000",
    "ALL": "11111111111111111",
    "INS": "11110000000000000",
    "IND": "10001110000000000",
    "INALL": "11111110000000000",
    "MIDD": "10001111111100000",
    "OUTD": "10000000111100000",
    "OUTS": "10000000000011111",
    "OUTALL": "10000000111111111",
}
PRESETS: Mapping[str, tuple[float, ...]] = {
    name: tuple(map(float, digits)) for name, digits in _PRESETS.items()
} | {"ALL0.5": (0.5,) * 17}

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)


def read(written: str) -> dict[str, float]:
    """A preset's name or a list of numbers as weights by block, but for those that are 1.

    Raises ValueError, as the end of a sentence about it, for what it is not.
    """
    numbers = PRESETS.get(written.upper())
    if numbers is None:
        parts = [part.strip() for part in written.split(",")]
        if len(parts) == 1:
            raise ValueError(f"has block weights that are no preset: {written}; there are {NAMES}")
        wrong = next((part for part in parts if not NUMBER.fullmatch(part)), None)
        if wrong is not None:
            random = (
                "; random and inherited weights are not done here" if wrong[:1] in RANDOM else ""
            )
            raise ValueError(f"has a block weight that is no number: {wrong}{random}")
        if len(parts) not in LISTS:
            raise ValueError(f"has {len(parts)} block weights; lists have {COUNTS}")
        numbers = tuple(map(float, parts))
    blocks = zip(LISTS[len(numbers)], numbers, strict=True)
    return {name: weight for name, weight in blocks if weight != 1}


def written(weights: Mapping[str, float]) -> str:
    """Weights by block as the shortest list that has them all; empty where all are 1."""
    said = {name for name, weight in weights.items() if weight != 1}
    if not said:
        return ""
    blocks = next(blocks for blocks in LISTS.values() if said <= set(blocks))
    return ",".join(f"{weights.get(name, 1):g}" for name in blocks)


NAMES = ", ".join(PRESETS)
COUNTS = "12, 17, 20 or 26"
RANDOM = ("R", "U", "X")
