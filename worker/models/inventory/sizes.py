"""How much memory the parts of a model take, from the headers of their files. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from worker.models.files.formats.gguf_file import SUFFIX
from worker.models.files.sources import ModelFiles

HEADROOM = 1_500_000_000
"""Bytes left for the forwards: one 512x512 row of Stable Diffusion and its decode take less."""

BYTES: Mapping[str, float] = {"int8": 1.0, "fp8": 1.0, "nf4": 0.5625, "int4": 0.5625}
"""Bytes a number of a quantized transformer, with the scales of its blocks."""

Offload = Literal["always", "model", "group"]

OFFLOADS: tuple[Offload | None, ...] = (None, "always", "model", "group")
"""From what takes most of a card to what takes least, and from the fastest to the slowest."""

DENOISERS = ("unet", "transformer")


def part_bytes(files: ModelFiles, itemsize: int, quantize: str | None = None) -> dict[str, int]:
    """Bytes that each part of a model takes with numbers of `itemsize`; of a checkpoint the UNet,
    and all the others as one. What is quantized in its file stays so. Raises SourceError."""
    sizes: dict[str, int] = {}
    for part, count in part_numbers(files).items():
        piece = files.pieces.get(part)
        if piece is not None and piece.file.suffix == SUFFIX:
            sizes[part] = piece.file.stat().st_size
        else:
            quantized = quantize is not None and part == "transformer"
            sizes[part] = int(count * (BYTES[quantize] if quantized and quantize else itemsize))
    return sizes


def part_numbers(files: ModelFiles) -> dict[str, int]:
    """How many numbers each part has; of a checkpoint the UNet, and all the others as one."""
    if files.checkpoint is None:
        return files.parts()
    largest = files.largest()
    return {"unet": largest, "others": files.parameters() - largest}


def on_device(sizes: Mapping[str, int], offload: Offload | None) -> int:
    """Bytes of a model's parts that lie on a card at once, at most."""
    if offload is None:
        return sum(sizes.values())
    denoiser = denoiser_of(sizes)
    others = max((size for part, size in sizes.items() if part != denoiser), default=0)
    if offload == "group":
        # Of the part that draws it is a layer, which is smaller than any other part.
        return others
    drawing = sizes.get(denoiser, 0)
    return drawing + others if offload == "always" else max(drawing, others)


def denoiser_of(sizes: Mapping[str, int]) -> str:
    """The part that makes the steps."""
    named = [part for part in DENOISERS if part in sizes]
    return named[0] if named else max(sizes, key=lambda part: sizes[part], default="")


def offload_for(sizes: Mapping[str, int], room: int, *, quantized: bool = False) -> Offload | None:
    """The first way in which a model fits into the `room` of a card; None where none does, or all
    of it. What is quantized is not taken layer by layer."""
    ways = OFFLOADS[:-1] if quantized else OFFLOADS
    for headroom in (HEADROOM, 0):
        for each in ways:
            if on_device(sizes, each) + headroom <= room:
                return each
    return None
