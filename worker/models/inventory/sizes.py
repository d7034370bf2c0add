"""How much memory the parts of a model take, from the headers of their files. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from worker.models.files.gguf_file import SUFFIX
from worker.models.files.sources import ModelFiles

BYTES: Mapping[str, float] = {"int8": 1.0, "fp8": 1.0, "nf4": 0.5625, "int4": 0.5625}
"""Bytes a number of a quantized transformer, with the scales of its blocks."""


def part_bytes(files: ModelFiles, itemsize: int, quantize: str | None = None) -> dict[str, int]:
    """Bytes that each part of a model in the diffusers layout takes with numbers of `itemsize`;
    nothing for a checkpoint. What is quantized in its file stays so. Raises SourceError."""
    sizes: dict[str, int] = {}
    for part, count in files.parts().items():
        piece = files.pieces.get(part)
        if piece is not None and piece.file.suffix == SUFFIX:
            sizes[part] = piece.file.stat().st_size
        else:
            quantized = quantize is not None and part == "transformer"
            sizes[part] = int(count * (BYTES[quantize] if quantized and quantize else itemsize))
    return sizes
