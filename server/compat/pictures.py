"""Pictures as other APIs want them: another encoding, a mask from an alpha channel."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageChops

from jobs.pictures import sandbox
from server.pages.renditions import Format


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

    Raises BadPicture.
    """
    # What a decoding process gives has no alpha. Over white a transparent pixel is lighter than
    # over black, by as much as it is transparent.
    over_white = _grey(sandbox.decode(data, "picture").png)
    over_black = _grey(sandbox.decode(data, "mask").png)
    transparency = ImageChops.subtract(over_white, over_black)
    if transparency.getbbox() is None:
        return None
    out = io.BytesIO()
    transparency.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _grey(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return picture.convert("L")
