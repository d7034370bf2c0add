"""T2I-Adapters in one file: the configuration that its shapes say, and diffusers' names."""

from __future__ import annotations

import re
from typing import Any

from worker.models.files.formats.safetensors_file import Shapes

CLASS = "T2IAdapter"

BLOCK = re.compile(r"^(adapter\.)?body\.\d+\.((resnets|body)\.\d+\.)?block1\.(weight|bias)$")

OWN = "adapter."

RESIDUAL = re.compile(r"^body\.(\d+)\.(block1|block2|in_conv)\.(weight|bias)$")
"""How a full adapter's makers name its parts: two blocks a level, one after another."""

FULL_FACTOR, XL_FACTOR = 8, 16
"""Pixels that become channels of one place, in adapters for Stable Diffusion 1 and for SDXL."""


def is_t2i_adapter(shapes: Shapes) -> bool:
    """Whether a file is a T2I-Adapter."""
    return any(map(BLOCK.match, shapes))


def diffusers_name(name: str, light: bool) -> str:
    """A tensor's name in diffusers' layout, from that or from the makers' own."""
    if name.startswith(OWN):
        return name
    found = RESIDUAL.match(name)
    if found and not light:
        number, part, end = int(found[1]), found[2], found[3]
        level, block = divmod(number, 2)
        inner = part if part == "in_conv" else f"resnets.{block}.{part}"
        return f"{OWN}body.{level}.{inner}.{end}"
    return OWN + re.sub(r"^(body\.\d+\.)body\.", r"\1resnets.", name)


def is_light(shapes: Shapes) -> bool:
    """Whether it is of the smaller kind, whose levels begin and end with a convolution."""
    return any(name.endswith("out_conv.weight") for name in shapes)


def adapter_config(shapes: Shapes) -> dict[str, Any]:
    """What diffusers' T2IAdapter is made with. Raises KeyError for what is none."""
    light = is_light(shapes)
    named = {diffusers_name(name, light): shape for name, shape in shapes.items()}
    if light:
        levels = _levels(named, "out_conv.weight")[:-1]
        first = named[f"{OWN}body.0.in_conv.weight"][1]
        factor, kind = FULL_FACTOR, "light_adapter"
    else:
        levels = _levels(named, "resnets.0.block1.weight")
        first = named[f"{OWN}conv_in.weight"][1]
        large = first % (XL_FACTOR**2) == 0
        factor = XL_FACTOR if large else FULL_FACTOR
        kind = "full_adapter_xl" if large else "full_adapter"
    blocks = {name.split(".")[4] for name in named if name.startswith(f"{OWN}body.0.resnets.")}
    return {
        "_class_name": CLASS,
        "in_channels": first // factor**2,
        "channels": levels,
        "num_res_blocks": len(blocks),
        "downscale_factor": factor,
        "adapter_type": kind,
    }


def _levels(named: Shapes, end: str) -> list[int]:
    """How wide each level is."""
    found: list[int] = []
    while (shape := named.get(f"{OWN}body.{len(found)}.{end}")) is not None:
        found.append(shape[0])
    return found


def channels_of(config: dict[str, Any]) -> tuple[int, ...]:
    """The channels of the UNets that an adapter steers, level by level; one for SDXL steers the
    middle as well, which is as wide as the last, and of a light one the last level is unsaid."""
    channels = tuple(int(each) for each in config.get("channels", []))
    kind = config.get("adapter_type")
    if kind == "full_adapter_xl":
        return channels[:-1]
    return (*channels, *channels[-1:]) if kind == "light_adapter" else channels
