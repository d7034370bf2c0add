"""PNG bytes that carry their own recipe, for people's tools and for ours.

The pixels are written here: Pillow tries five filters on each line, which takes most of its time.
With the line above taken from each, zlib has as little left to say, in a fraction of that time.
"""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
from PIL.PngImagePlugin import PngInfo

from jobs.recipes import infotext, provenance, recipes
from jobs.recipes.infotext import Maker
from jobs.records.events import Safety
from jobs.request.request import ResolvedRequest
from worker.engine.request import Picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"

EIGHT_BITS = 8
COLOURS = 2
"""PNG's colour type of three channels: red, green and blue."""

UP = 2
"""PNG's filter of a line that is told as its difference from the line above."""

COMPRESS_LEVEL = 1


def encode(
    picture: Picture,
    request: ResolvedRequest,
    index: int,
    maker: Maker,
    safety: Safety | None = None,
    note: str | None = None,
    faces: int | None = None,
) -> bytes:
    """A picture (height, width, 3) as PNG with its recipe, as infotext and as our own record.

    Its XMP says that a machine made it, and its record what the safety classifier found in it,
    what was done otherwise than asked, and how many faces were restored.
    """
    text = PngInfo()
    add_text(text, recipes.INFOTEXT, infotext.write(request, index, maker, note))
    record = recipes.record(request, index, maker)
    if note is not None:
        record["note"] = note
    if faces is not None:
        record["faces"] = faces
    if safety is not None:
        record["safety"] = safety.model_dump(mode="json")
    add_text(text, recipes.RECORD, json.dumps(record, ensure_ascii=False))
    text.add_itxt(provenance.PNG_KEYWORD, provenance.xmp(request.kind, maker.version))
    return _file(picture, text)


def plain_png(picture: Picture) -> bytes:
    """A picture (height, width, 3) as PNG that says nothing of itself."""
    return _file(picture, PngInfo())


def add_text(text: PngInfo, name: str, value: str) -> None:
    """Add a chunk: tEXt where Latin-1 can say it, else iTXt, as AUTOMATIC1111's readers expect."""
    clean = value.replace("\0", " ")
    try:
        clean.encode("latin-1")
    except UnicodeEncodeError:
        text.add_itxt(name, clean)
    else:
        text.add_text(name, clean)


def _file(picture: Picture, text: PngInfo) -> bytes:
    height, width, _ = picture.shape
    header = struct.pack(">IIBBBBB", width, height, EIGHT_BITS, COLOURS, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        # Before the pixels, where every reader looks for them.
        *((name, said) for name, said, *_ in text.chunks),
        (b"IDAT", _compressed(picture)),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _compressed(picture: Picture) -> bytes:
    """The lines of a picture as zlib has them, each after the number of its filter."""
    height, width, channels = picture.shape
    lines = picture.reshape(height, width * channels)
    said = np.empty((height, width * channels + 1), np.uint8)
    said[:, 0] = UP
    said[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=said[1:, 1:])
    # What a filter leaves has runs and rare values, and nothing that repeats from further away.
    packer = zlib.compressobj(COMPRESS_LEVEL, strategy=zlib.Z_RLE)
    return packer.compress(said.tobytes()) + packer.flush()


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
