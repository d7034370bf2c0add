"""Plots of what `benchmarks/gpu.sh` found on a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.plots.svg import Axis, bars, lines

FAMILIES = {"sd1": "Stable Diffusion 1.5", "sdxl": "SDXL", "sd3": "Stable Diffusion 3"}

ARMS = {
    "E": "diffusers, one by one",
    "K": "diffusers, compiled",
    "B 32": "diffusers, 32 in one",
    "ours 1": "ours, one caller",
    "ours 32": "ours, 32 callers",
}


def forwards(family: str) -> Callable[[dict[str, Any]], str]:
    """How much of the card a forward of a family uses, by its rows."""

    def draw(result: dict[str, Any]) -> str:
        return lines(
            f"{FAMILIES[family]} on {result['card']}: of the best product of matrices",
            Axis("rows of a forward"),
            Axis("%"),
            {
                f"{side} x {side}": [(each["rows"], 100 * each["share_of_gemm"]) for each in table]
                for side, table in result["forwards"][family].items()
            },
        )

    return draw


def arms(result: dict[str, Any]) -> str:
    """Pictures a second of each arm."""
    return bars(
        f"Pictures a second on {result['card']}",
        Axis("pictures a second"),
        {
            FAMILIES[name.split()[0]]: {
                said: found[arm]["pictures_a_second"] for arm, said in ARMS.items() if arm in found
            }
            for name, found in result["arms"].items()
        },
    )


def ends(result: dict[str, Any]) -> str:
    """What a picture's end takes beside its steps."""
    names = {
        "decode_in_the_engine": "decode",
        "preview": "a preview",
        "png": "PNG",
        "webp": "WebP",
    }
    found = {side: each for side, each in result.items() if side.isdigit()}
    return bars(
        f"Of the time of a picture's 20 steps on {result['card']}",
        Axis("%"),
        {
            f"{side} x {side}": {
                said: 100 * each["share_of_a_picture"][name]
                for name, said in names.items()
                if name in each["share_of_a_picture"]
            }
            for side, each in found.items()
        },
    )
