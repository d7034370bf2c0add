"""The formats that a server gives pictures in, by the names of files."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Literal

Format = Literal["png", "jpeg", "webp"]

SUFFIXES: dict[str, Format] = {
    "": "png",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}


def file_format(path: str | os.PathLike[str]) -> Format:
    """What a file of this name has inside. Raises ValueError for what no server makes."""
    suffix = PurePath(path).suffix
    if (format := SUFFIXES.get(suffix.lower())) is None:
        names = ", ".join(filter(None, SUFFIXES))
        raise ValueError(f"{os.fspath(path)}: pictures are written as {names}, not {suffix}")
    return format
