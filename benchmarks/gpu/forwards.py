"""What a forward of a family's network takes by its rows and pixels: eager, alone on the card."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.ceilings import Ceilings, achieved, flops, timed
from benchmarks.gpu.folders import DENOISER, one
from benchmarks.gpu.report import NoTime, Report

ROWS = (1, 2, 4, 8, 16, 32, 64)

KNEE = 1.03
"""Twice as many rows that do not make at least so many times as many a second are the last."""

BEFORE = 8
"""Rows up to which all are measured: a card may be full with one, and the figures still wanted."""

PIXELS = 8
"""Of a side of the picture for one of the latents."""

TOKENS = {"sd3": 333}
"""That a prompt takes, where it is not CLIP's 77."""


@dataclass(frozen=True)
class Network:
    """A network to be timed, in the numbers in which it is used."""

    family: str
    dtype: torch.dtype


FAMILIES: Mapping[str, Network] = {
    "sd1": Network("sd1", torch.float16),
    "sdxl": Network("sdxl", torch.float16),
    "sd3": Network("sd3", torch.bfloat16),
}


def arguments(
    network: Any, family: str, rows: int, side: int, *, pixels: int = PIXELS
) -> dict[str, Any]:
    """What a network is called with for so many rows of pictures of this side."""
    config, device, dtype = network.config, network.device, network.dtype

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(rows, *shape, device=device).to(dtype)

    latents = drawn(config.in_channels, side // pixels, side // pixels)
    words = TOKENS.get(family, 77)
    timestep = torch.full((rows,), 500.0, device=device)
    if "joint_attention_dim" in config:
        return {
            "hidden_states": latents,
            "timestep": timestep,
            "encoder_hidden_states": drawn(words, config.joint_attention_dim),
            "pooled_projections": drawn(config.pooled_projection_dim),
            "return_dict": False,
        }
    asked = {
        "sample": latents,
        "timestep": timestep,
        "encoder_hidden_states": drawn(words, config.cross_attention_dim),
        "return_dict": False,
    }
    if config.addition_embed_type == "text_time":
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        asked["added_cond_kwargs"] = {"text_embeds": drawn(pooled), "time_ids": drawn(6)}
    return asked


def by_rows(
    report: Report,
    family: str,
    sides: Sequence[int],
    rows: Sequence[int],
    limits: Ceilings,
    home: Path,
    *,
    pixels: int = PIXELS,
    seconds: float = 0.4,
    tiny: bool = False,
) -> None:
    """A forward of each of these rows at each of these sides, until memory ends or more rows bring
    nothing."""
    chosen = FAMILIES[family]
    device = torch.device("cuda")
    network = one(DENOISER, family, home / family, device, chosen.dtype, tiny=tiny)
    for side in sides:
        try:
            _at(report, network, family, side, rows, limits, pixels, seconds)
        except torch.OutOfMemoryError:
            report.say(f"forwards {family} {side}", "more rows have no room")


@torch.inference_mode()
def _at(
    report: Report,
    network: Any,
    family: str,
    side: int,
    every: Sequence[int],
    limits: Ceilings,
    pixels: int,
    of_the_card: float,
) -> None:
    table: list[dict[str, float]] = []
    work = flops(network, **arguments(network, family, 1, side, pixels=pixels))
    report.keep("flops_a_row", family, str(side), value=work)
    for rows in every:
        if report.left < 1:
            raise NoTime
        asked = arguments(network, family, rows, side, pixels=pixels)
        took = timed(network.device, lambda asked=asked: network(**asked), of_the_card)
        seconds = statistics.median(took)
        table.append(
            {
                "rows": rows,
                "ms": round(1000 * seconds, 3),
                "ms_from_to": [round(1000 * each, 3) for each in (min(took), max(took))],
                "rows_a_second": round(rows / seconds, 2),
                **achieved(work * rows, seconds, limits),
            }
        )
        report.keep("forwards", family, str(side), value=table)
        print(f"  {family} {side} {table[-1]}", flush=True)
        if rows > BEFORE and not _worth(table):
            return


def _worth(table: Sequence[Mapping[str, float]]) -> bool:
    """Whether the last number of rows brought something over the one before it."""
    before, last = (each["rows_a_second"] for each in table[-2:])
    return last > KNEE * before
