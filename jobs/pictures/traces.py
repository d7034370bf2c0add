"""The files of a trace: which there are, and what the safetensors file says of itself."""

from __future__ import annotations

import json
import struct
from typing import Any, Literal, get_args

from jobs.pictures.image_store import ImageStore

Sheet = Literal["x", "noise", "x0", "difference", "attention"]
"""Pictures of all steps side by side: a step a column; of attention a row, and a word a column."""

SHEETS: tuple[Sheet, ...] = get_args(Sheet)

LENGTH = struct.Struct("<Q")
"""What a safetensors file begins with: how long its JSON is."""

ABOUT = "trace"
"""The entry of its metadata that has what the API says of the trace, as JSON."""


def file_id(job_id: str, index: int) -> str:
    """The id of the file with the tensors of a picture's trace."""
    return f"{job_id}-t{index}"


def sheet_id(job_id: str, index: int, sheet: Sheet) -> str:
    """The id of one of its pictures."""
    return f"{job_id}-t{index}-{sheet}"


def all_ids(job_id: str, index: int) -> list[str]:
    """Everything that may be in the store of a picture's trace."""
    return [file_id(job_id, index), *(sheet_id(job_id, index, each) for each in SHEETS)]


def about(store: ImageStore, job_id: str, index: int) -> dict[str, Any]:
    """What the file of a trace says of itself. Raises FileNotFoundError, or OSError."""
    data = store.read(file_id(job_id, index))
    (length,) = LENGTH.unpack_from(data)
    header = json.loads(data[LENGTH.size : LENGTH.size + length])
    found: dict[str, Any] = json.loads(header["__metadata__"][ABOUT])
    return found
