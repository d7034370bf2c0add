"""Pictures as other APIs want them: another encoding, a mask from an alpha channel."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageChops

from jobs.pictures import sandbox
from jobs.pictures.turns import Turns
from server.pages.renditions import Format

TURNS = Turns()
"""Whole pictures are worked on here a few at a time, as they are decoded: they may be as large as
what is sent, and nobody else's request is to wait for them."""


def preview(jpeg: bytes, size: tuple[int, int], format: Format, quality: int) -> bytes:
    """A preview that a worker made, as large as the picture will be, in a format."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as source:
        picture = source.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    options: dict[str, Any] = {"compress_level": 1} if format == "png" else {"quality": quality}
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def mask_of_transparency(data: bytes) -> bytes | None:
    """A mask that is white where a picture is transparent; None where it is opaque everywhere.

    Raises BadPicture, or Busy.
    """
    # What a decoding process gives has no alpha. Over white a transparent pixel is lighter than
    # over black, by as much as it is transparent.
    over_white = sandbox.decode(data, "picture").png
    over_black = sandbox.decode(data, "mask").png
    with TURNS.take(object()):
        transparency = ImageChops.subtract(_grey(over_white), _grey(over_black))
        if transparency.getbbox() is None:
            return None
        out = io.BytesIO()
        transparency.save(out, "PNG", compress_level=1)
        return out.getvalue()


def _grey(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return picture.convert("L")
