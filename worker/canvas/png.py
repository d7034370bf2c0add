"""PNG bytes that carry their own recipe, for people's tools and for ours."""

from __future__ import annotations

import io
import json

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.recipes import infotext, provenance, recipes
from jobs.recipes.infotext import Maker
from jobs.records.events import Safety
from jobs.request.request import ResolvedRequest
from worker.engine.request import Picture

COMPRESS_LEVEL = 1
"""zlib's fastest: level 6 takes three times as long for pictures a few per cent smaller."""


def encode(
    picture: Picture,
    request: ResolvedRequest,
    index: int,
    maker: Maker,
    safety: Safety | None = None,
    note: str | None = None,
) -> bytes:
    """A picture (height, width, 3) as PNG with its recipe, as infotext and as our own record.

    Its XMP says that a machine made it, and its record what the safety classifier found in it
    and what was done otherwise than asked.
    """
    text = PngInfo()
    add_text(text, recipes.INFOTEXT, infotext.write(request, index, maker, note))
    record = recipes.record(request, index, maker)
    if note is not None:
        record["note"] = note
    if safety is not None:
        record["safety"] = safety.model_dump(mode="json")
    add_text(text, recipes.RECORD, json.dumps(record, ensure_ascii=False))
    text.add_itxt(provenance.PNG_KEYWORD, provenance.xmp(request.kind, maker.version))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", pnginfo=text, compress_level=COMPRESS_LEVEL)
    return file.getvalue()


def plain_png(picture: Picture) -> bytes:
    """A picture as PNG that says nothing of itself."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def add_text(text: PngInfo, name: str, value: str) -> None:
    """Add a chunk: tEXt where Latin-1 can say it, else iTXt, as AUTOMATIC1111's readers expect."""
    clean = value.replace("\0", " ")
    try:
        clean.encode("latin-1")
    except UnicodeEncodeError:
        text.add_itxt(name, clean)
    else:
        text.add_text(name, clean)
