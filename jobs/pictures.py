"""Pictures that callers send: whatever a phone or a program makes of them, as plain RGB pixels."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from collections.abc import Callable
from threading import Semaphore
from typing import Any, TypeVar, cast

from PIL import Image, ImageCms
from pillow_heif import register_heif_opener  # pyright: ignore[reportUnknownVariableType] untyped

from jobs.settings import settings

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

FORMATS = ("PNG", "JPEG", "WEBP", "HEIF", "AVIF")
"""Pillow's names of what is taken. Pillow tries no other decoder, and looks at the bytes alone."""

COMPRESS_LEVEL = 1
"""zlib's fastest: a picture that is kept for one job need not be small."""

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by the value of EXIF's Orientation."""

DATA_URI = re.compile(r"data:[^,;]*(?:;[^,;]+)*;base64,", re.IGNORECASE)

Result = TypeVar("Result")

SRGB = ImageCms.ImageCmsProfile(cast("Any", ImageCms).createProfile("sRGB"))

_at_once = Semaphore(os.cpu_count() or 1)
"""More pictures decoded at once than there are cores would only add their memory up."""


class BadPicture(ValueError):
    """The caller gets 422: these bytes are no picture that the server takes; it says why."""


def open_picture(data: bytes) -> Image.Image:
    """The first picture in the bytes: upright, in sRGB, 8 bits a channel, nothing but pixels.

    Its mode is RGBA where some of it may be transparent, else RGB. Raises BadPicture.
    """
    return checked(data, _plain)


def checked(data: bytes, use: Callable[[Image.Image], Result]) -> Result:
    """What `use` makes of the picture in the bytes, or of its header: pixels are decoded on demand.

    Its size is checked in the header, before anything is decoded. Raises BadPicture.
    """
    limits = settings()
    if len(data) > limits.max_upload:
        raise BadPicture(f"must be at most {limits.max_upload} bytes; it has {len(data)}")
    with _at_once:
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as source:
                _check_size(source.size)
                return use(source)
        except BadPicture:
            raise
        except Image.UnidentifiedImageError:
            raise BadPicture("must be a PNG, JPEG, WebP, HEIC or AVIF picture") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            detail = f"must have at most {limits.max_picture_pixels} pixels; it has more"
            raise BadPicture(detail) from None
        except Exception as error:
            # Decoders raise whatever they trip over: OSError, SyntaxError, struct.error and more.
            raise BadPicture(f"cannot be decoded: {_reason(error)}") from error


def flat(picture: Image.Image) -> Image.Image:
    """The picture as RGB; what is transparent shows white."""
    return _over(picture, "white")


def as_mask(picture: Image.Image) -> Image.Image:
    """The picture as a mask of mode L: how light it is; what is transparent counts as black."""
    return _over(picture, "black").convert("L")


def png(picture: Image.Image) -> bytes:
    """The pixels as PNG, with no other word in it."""
    file = io.BytesIO()
    clean = picture.copy()
    clean.info = {}
    clean.save(file, "PNG", compress_level=COMPRESS_LEVEL)
    return file.getvalue()


def data_uri_bytes(text: str) -> bytes:
    """The bytes of a `data:image/png;base64,...` URI, whatever type it says. Raises BadPicture."""
    head = DATA_URI.match(text[:200])
    if head is None:
        raise BadPicture("must begin with `data:image/png;base64,` or alike; only base64 is taken")
    limit = settings().max_upload
    if (len(text) - head.end()) * 3 // 4 > limit + 2:
        raise BadPicture(f"must be at most {limit} bytes; it has more")
    try:
        return base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"is not base64: {_reason(error)}") from None


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    most = settings().max_picture_pixels
    if width * height > most:
        detail = f"must have at most {most} pixels; it has {width}x{height}, {width * height}"
        raise BadPicture(detail)


def _plain(source: Image.Image) -> Image.Image:
    source.load()
    turn = TURNS.get(_orientation(source))
    picture = _eight_bits(source)
    alpha = None
    if picture.has_transparency_data:
        # A palette's colours are RGB; grey keeps its one channel for its profile.
        picture = picture.convert("LA" if picture.mode in ("L", "LA", "La") else "RGBA")
        alpha = picture.getchannel("A")
        picture = picture.convert(picture.mode[:-1])
    elif picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    picture = _to_srgb(picture, source.info.get("icc_profile"))
    if alpha is not None:
        picture.putalpha(alpha)
    return picture.transpose(turn) if turn is not None else picture


def _eight_bits(source: Image.Image) -> Image.Image:
    """16 bits a channel brought down by their range; Pillow's convert() would cut off above 255."""
    if not source.mode.startswith("I"):
        return source
    wide = source.convert("I")
    return wide.point(lambda value: value * (1 / 257) + 0).convert("L")


def _to_srgb(picture: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(picture, own, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            made = None  # a broken profile, or one for other channels than the picture has
        if made is not None:
            return made
    return picture.convert("RGB")


def _orientation(source: Image.Image) -> int:
    try:
        return int(source.getexif().get(ORIENTATION, 1))
    except Exception:
        # Phones and editors write EXIF that no reader understands; the pixels are fine.
        return 1


def _over(picture: Image.Image, color: str) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    below = Image.new("RGBA", picture.size, color)
    below.alpha_composite(picture)
    return below.convert("RGB")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text or type(error).__name__
