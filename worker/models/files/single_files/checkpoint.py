"""Single files in Stable Diffusion's original layout: a whole model's weights in one. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json
from worker.models.files.formats.safetensors_file import Shapes, numbers, read_header

PARTS = {
    "model.diffusion_model.": "UNet",
    "first_stage_model.": "autoencoder",
    "cond_stage_model. or conditioner.embedders.": "text encoder",
}
"""What a complete checkpoint holds, by how it names it."""

AVERAGES = "model_ema."
"""A second copy of the UNet that training leaves, which nobody loads."""

TWO_ENCODERS = "conditioner.embedders.1."
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
CROSS_ATTENTION = re.compile(r"model\.diffusion_model\..*\.attn2\.to_k\.weight")
"""Where a checkpoint shows which family it is of."""


def check_parts(where: str, file: Path, shapes: Shapes, *, needs_vae: bool) -> None:
    """Raises SourceError, naming the key `where`, for a file that is no complete model."""
    for prefixes, part in PARTS.items():
        if part == "autoencoder" and not needs_vae:
            continue
        if part == "autoencoder" and not _any_starts(shapes, prefixes):
            raise SourceError(
                f"{where}: {file} has no autoencoder, nothing named {prefixes}*; name one for it"
                " with the key `vae`."
            )
        if not any(_any_starts(shapes, prefix) for prefix in prefixes.split(" or ")):
            raise SourceError(
                f"{where}: {file} is not a complete Stable Diffusion checkpoint: it has no {part},"
                f" nothing named {prefixes}*."
            )


def check_checkpoint(where: str, file: Path, config: Path) -> None:
    """Raises SourceError, naming the key `where`, for a file of another family than the
    configuration in `config`."""
    shapes = read_header(file).shapes
    for what, found, expected in _compared(shapes, config):
        if found != expected:
            raise SourceError(
                f"{where}: {file} is of another family than its configuration in {config}: it has"
                f" {found} {what}, not {expected}."
            )


def parameters(file: Path) -> int:
    """How many numbers a checkpoint has for its model."""
    return _under(read_header(file).shapes, "")


def largest_part(file: Path) -> int:
    """How many numbers the largest part of a checkpoint has: the UNet."""
    shapes = read_header(file).shapes
    return max(_under(shapes, each) for prefixes in PARTS for each in prefixes.split(" or "))


def _compared(shapes: Shapes, config: Path) -> Iterable[tuple[str, int, int]]:
    """What tells one family from another, in a checkpoint and in a configuration."""
    index = read_json(config / "model_index.json")
    encoders = sum(any(index.get(part) or ()) for part in ("text_encoder", "text_encoder_2"))
    yield "text encoders", 2 if _any_starts(shapes, TWO_ENCODERS) else 1, encoders
    unet = config / "unet" / "config.json"
    if not unet.is_file():
        return
    expected = read_json(unet)
    if FIRST_LAYER in shapes:
        channels = shapes[FIRST_LAYER][1]
        yield "input channels", channels, expected.get("in_channels", channels)
    reads = next((shapes[name] for name in shapes if CROSS_ATTENTION.match(name)), None)
    width = expected.get("cross_attention_dim")
    if reads and isinstance(width, int):
        yield "numbers for each token of text", reads[-1], width


def _any_starts(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _under(shapes: Shapes, prefix: str) -> int:
    own = {
        name: shape
        for name, shape in shapes.items()
        if name.startswith(prefix) and not name.startswith(AVERAGES)
    }
    return numbers(own)
