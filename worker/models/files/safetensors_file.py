"""Whether a file is a whole safetensors file, from its header and its size. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import safetensors

MAX_HEADER = 100_000_000
"""Bytes of a header at most, as in safetensors' own reader."""

PICKLES = (b"\x80", b"PK\x03\x04")
"""How a bare pickle begins, and the zip that torch.save writes round one."""


def problem_of(file: Path) -> str | None:
    """What is wrong with a file that should be safetensors, in a sentence; None for a whole one."""
    try:
        with file.open("rb") as opened:
            start = opened.read(8)
            # The length of a header may begin with the same bytes; a header begins with a brace.
            if start.startswith(PICKLES) and opened.peek(1)[:1] != b"{":
                return (
                    f"{file} is a pickle that calls itself safetensors: it can run any code when it"
                    " is opened, so it is not."
                )
            length = int.from_bytes(start, "little")
            if length > MAX_HEADER:
                return f"{file} is not a safetensors file: its header would be {length} bytes."
            header: Any = json.loads(opened.read(length))
        size, expected = file.stat().st_size, 8 + length + _data_bytes(header)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{file} is not a safetensors file: {error}."
    if size < expected:
        return f"{file} is cut off: it has {size} bytes, and its header says {expected}."
    if size > expected:
        return f"{file} has {size - expected} bytes more than its header says."
    try:
        # What is left: offsets that overlap, and shapes that do not fit them.
        opener: Any = cast(Any, safetensors).safe_open
        with opener(str(file), framework="numpy"):
            return None
    except (OSError, safetensors.SafetensorError) as error:
        return f"{file} is not a safetensors file: {error}."


def _data_bytes(header: dict[str, Any]) -> int:
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    return max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
