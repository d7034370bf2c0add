"""What a safetensors file says it holds, and whether all of it is there. No torch.

The one reader of headers. The library's own opens complete files only, and of the others it does
not say what is wrong with them: it has the last word on those that look right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors

from worker.models.files.errors import SourceError

MAX_HEADER = 100_000_000
"""Bytes of a header at most, as in safetensors' own reader."""

PICKLES = (b"\x80", b"PK\x03\x04")
"""How a bare pickle begins, and the zip that torch.save writes round one."""

POINTER = b"version https://git-lfs"
"""How the few lines begin that Git has in a file's place until Git LFS fetches it."""

PAGES = (b"<!doctype", b"<html")
"""How a page of the web begins, such as a download leaves that wanted a password."""

BROKEN = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading a header ends in that a stranger made up."""

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of every tensor of a file, by its name."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its tensors' shapes, what its maker wrote beside them, and how
    many bytes it has when it is complete."""

    shapes: Shapes
    metadata: Mapping[str, str]
    file_bytes: int


def read_header(file: Path) -> Header:
    """The header of a file that may be cut off behind it. Raises SourceError for another format."""
    try:
        state = file.stat()
    except OSError as error:
        raise SourceError(f"{file} is not a safetensors file: {error}.") from error
    return _read_header(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=512)
def _read_header(file: Path, size: int, _time: int) -> Header:
    try:
        with file.open("rb") as opened:
            start = opened.read(8)
            # The length of a header may begin with the same bytes; a header begins with a brace.
            if start.startswith(PICKLES) and opened.peek(1)[:1] != b"{":
                raise SourceError(
                    f"{file} is a pickle that calls itself safetensors: it can run any code when it"
                    " is opened, so it is not."
                )
            if other := _instead(start + opened.peek(16)[:16], size):
                raise SourceError(f"{file} {other}")
            length = int.from_bytes(start, "little")
            if length > MAX_HEADER:
                raise ValueError(f"its header would be {length} bytes")
            header: Any = json.loads(opened.read(length))
        said: Any = header.pop("__metadata__", None) or {}
        metadata = {str(key): str(value) for key, value in said.items()}
        shapes = {name: tuple(map(int, tensor["shape"])) for name, tensor in header.items()}
        ends = (int(tensor["data_offsets"][1]) for tensor in header.values())
        return Header(shapes, metadata, 8 + length + max(ends, default=0))
    except BROKEN as error:
        raise SourceError(f"{file} is not a safetensors file: {error}.") from error


def read_complete(file: Path) -> Header:
    """The header of a file that is all there. Raises SourceError with what is wrong with it."""
    header = read_header(file)
    _check(file, header)
    return header


def problem_of(file: Path) -> str | None:
    """What is wrong with a file that should be safetensors, in a sentence; None if nothing is."""
    try:
        read_complete(file)
    except SourceError as error:
        return str(error)
    return None


def read_numbers(file: Path, name: str) -> list[float]:
    """The numbers of one small tensor; none where it has no usual format. Raises SourceError."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            tensor: Any = json.loads(opened.read(length))[name]
            begin, end = map(int, tensor["data_offsets"])
            opened.seek(8 + length + begin)
            data = opened.read(end - begin)
    except BROKEN as error:
        raise SourceError(f"{file} is not a safetensors file: {error}.") from error
    match tensor["dtype"]:
        case "F32":
            return np.frombuffer(data, "<f4").tolist()
        case "F16":
            return np.frombuffer(data, "<f2").tolist()
        case "BF16":
            # The upper half of a float32.
            wide = np.frombuffer(data, "<u2").astype("<u4") << 16
            return wide.view("<f4").tolist()
        case _:
            return []


def numbers(shapes: Shapes) -> int:
    """How many numbers tensors of these shapes have together."""
    return sum(map(prod, shapes.values()))


def looks_like_one(file: Path) -> bool:
    """Whether a file begins as safetensors do, whatever it is named."""
    try:
        with file.open("rb") as opened:
            start = opened.read(9)
    except OSError:
        return False
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= MAX_HEADER


def _instead(start: bytes, size: int) -> str | None:
    """What a file is that begins like this and is no safetensors file, as a sentence says it of
    the file; None where it may be one."""
    if not size:
        return "is empty."
    if start.startswith(POINTER[: len(start)]) and len(start) > 8:
        return "is a pointer of Git LFS and not the file itself, which `git lfs pull` fetches."
    if start.lstrip().lower().startswith(PAGES):
        return "is a page of the web: what should have been fetched was not."
    length = int.from_bytes(start[:8], "little")
    # What makes room on the disk first has nothing in a file until it comes to it.
    if not any(start) and size > 8:
        return "begins with zeros: it is not whole yet, or was lost."
    # What another kind of file begins with would be a header of an absurd length.
    if length <= MAX_HEADER and size < 8 + length:
        return f"is cut off: it has {size} bytes, and its header alone has {length}."
    return None


def _check(file: Path, header: Header) -> None:
    try:
        size = file.stat().st_size
        if size < header.file_bytes:
            raise SourceError(
                f"{file} is cut off: it has {size} bytes, and its header says {header.file_bytes}."
            )
        if size > header.file_bytes:
            more = size - header.file_bytes
            raise SourceError(f"{file} has {more} bytes more than its header says.")
        # What is left: offsets that overlap, and shapes that do not fit them.
        opener: Any = cast(Any, safetensors).safe_open
        with opener(str(file), framework="numpy"):
            pass
    except (OSError, safetensors.SafetensorError) as error:
        raise SourceError(f"{file} is not a safetensors file: {error}.") from error
