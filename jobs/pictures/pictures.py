"""Pictures that callers send: whatever a phone or a program makes of them, as plain RGB pixels.

What strangers send is decoded through sandbox.py, which runs this in a process of its own.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from pillow_heif import register_heif_opener  # pyright: ignore[reportUnknownVariableType] untyped

from jobs.pictures.containers import has_more_scans, most_scans, without_broken_notes
from jobs.sentences import Sentence, say
from jobs.settings import settings

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

FORMATS = ("PNG", "JPEG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF", "ICO")
"""Pillow's names of what is taken. Pillow tries no other decoder, and looks at the bytes alone."""

NAMED = "PNG, JPEG, WebP, HEIC, AVIF, GIF, BMP, TIFF or ICO"
"""The same as callers read it."""

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

WIDER = {"L;2": 85, "L;4": 17}
"""What a PNG's grey of 2 or 4 bits is multiplied by to fill 8."""

INFOTEXT = "parameters"
"""Name of the PNG text that AUTOMATIC1111 keeps a recipe in."""

EXIF_IFD = 0x8769
USER_COMMENT = 0x9286
UNICODE = b"UNICODE\0"
ASCII = b"ASCII\0\0\0"

MAX_PROFILE = 4 * 1024 * 1024
"""Bytes of a colour profile that is made use of: a printing press's has two million."""

MAX_TEXT = 1024 * 1024
"""Bytes of a text that a picture carries; Pillow unpacks no longer one."""


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
        raise BadPicture(too_large(limits.max_upload, len(data)))
    try:
        whole = without_broken_notes(data)
        with Image.open(io.BytesIO(whole), formats=FORMATS) as source:
            check_pixels(source.size)
            # By its class, since a JPEG that holds further pictures has another format's name.
            most = most_scans(source.size)
            if isinstance(source, JpegImageFile) and has_more_scans(data, most):
                raise BadPicture(f"must have at most {most} JPEG scans at its size; it has more")
            return use(source)
    except (BadPicture, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise BadPicture(say("no-picture", "must be a {formats} picture", formats=NAMED)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        template = "must have at most {most} pixels; it has more"
        raise BadPicture(
            say("picture-too-many-pixels", template, most=limits.max_picture_pixels)
        ) from None
    except Exception as error:
        # Decoders raise whatever they trip over: OSError, SyntaxError, struct.error and more.
        raise BadPicture(
            say("picture-damaged", "cannot be decoded: {why}", why=_reason(error))
        ) from error


def texts(data: bytes) -> dict[str, str]:
    """The texts by name that a picture carries; one in EXIF's UserComment counts as `parameters`.

    What a PNG has after its pixels is read as well. Raises BadPicture.
    """
    return checked(data, _texts)


def flat(picture: Image.Image) -> Image.Image:
    """The picture as RGB; what is transparent shows white."""
    return _over(picture, "white")


def is_transparent(picture: Image.Image) -> bool:
    """Whether anything in it lets through what is under it."""
    return picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)


def as_mask(picture: Image.Image) -> Image.Image:
    """The picture as a mask of mode L: how light it is; what is transparent counts as black."""
    return _over(picture, "black").convert("L")


def png(picture: Image.Image) -> bytes:
    """The pixels as PNG, with no other word in it."""
    file = io.BytesIO()
    clean = picture.copy()
    clean.info = {}
    clean.save(file, "PNG", compress_level=COMPRESS_LEVEL, compress_type=zlib.Z_RLE)
    return file.getvalue()


def data_uri_bytes(text: str) -> bytes:
    """The bytes of a `data:image/png;base64,...` URI, whatever type it says. Raises BadPicture."""
    head = DATA_URI.match(text[:200])
    if head is None:
        raise BadPicture("must begin with `data:image/png;base64,` or alike; only base64 is taken")
    limit = settings().max_upload
    if (len(text) - head.end()) * 3 // 4 > limit + 2:
        raise BadPicture(
            say("file-larger", "must be at most {most} bytes; it has more", most=limit)
        )
    try:
        return base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPicture(f"is not base64: {_reason(error)}") from None


def too_large(most: int, has: int) -> Sentence:
    """A picture's file has too many bytes."""
    return say("file-too-large", "must be at most {most} bytes; it has {has}", most=most, has=has)


def check_pixels(size: tuple[int, int]) -> None:
    """Raises BadPicture for a width and height of more pixels than are taken in."""
    width, height = size
    most = settings().max_picture_pixels
    if width * height > most:
        template = "must have at most {most} pixels; it has {size}, {has}"
        shown, has = f"{width}x{height}", width * height
        raise BadPicture(say("picture-of-many-pixels", template, most=most, size=shown, has=has))


def _texts(picture: Image.Image) -> dict[str, str]:
    if isinstance(picture, PngImageFile):
        found = cast("dict[str, Any]", picture.text)
        return {str(name): str(value) for name, value in found.items()}
    comment = picture.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    text = _comment(comment[:MAX_TEXT]) if isinstance(comment, bytes) else comment
    return {INFOTEXT: text} if isinstance(text, str) and text.strip() else {}


def _comment(comment: bytes) -> str:
    text = comment[len(UNICODE) :]
    if comment.startswith(UNICODE):
        # The order of the bytes goes unsaid: where the zeros of plain letters are tells it.
        little = text[1::2].count(0) > text[0::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", errors="replace")
    return text.decode("utf-8", errors="replace") if comment.startswith(ASCII) else ""


def _plain(source: Image.Image) -> Image.Image:
    _scale_key(source)
    source.load()
    # An icon's header may name another size than the picture in it has.
    check_pixels(source.size)
    turn = TURNS.get(_orientation(source))
    picture, alpha = _eight_bits(source), None
    if source.mode.startswith("I"):
        alpha = _key_of_wide_grey(source)
    elif picture.has_transparency_data:
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


def _scale_key(source: Image.Image) -> None:
    """Bring the colour that a PNG calls transparent to the 8 bits that Pillow brings the others to;
    Pillow leaves it at the file's own depth."""
    key = source.info.get("transparency")
    if isinstance(source, PngImageFile) and source.tile:
        depth = source.tile[0].args
        if isinstance(key, int) and depth in WIDER:
            source.info["transparency"] = key * WIDER[depth]
        elif isinstance(key, tuple) and depth == "RGB;16B":
            source.info["transparency"] = tuple(value >> 8 for value in cast("tuple[int]", key))


def _eight_bits(source: Image.Image) -> Image.Image:
    """16 bits a channel brought down by their range; Pillow's convert() would cut off above 255."""
    if not source.mode.startswith("I"):
        return source
    wide = source.convert("I")
    return wide.point(lambda value: value * (1 / 257) + 0).convert("L")


def _key_of_wide_grey(source: Image.Image) -> Image.Image | None:
    """The transparency of 16-bit grey: all of the one value that its header names. None where it
    names none."""
    key = source.info.get("transparency")
    if not isinstance(key, int):
        return None
    return source.convert("I").point([0 if value == key else 255 for value in range(65536)], "L")


def _to_srgb(picture: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and 0 < len(profile) <= MAX_PROFILE:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(picture, own, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            made = None  # a broken profile, or one for other channels than the picture has
        if made is not None:
            return made
    return picture.convert("RGB")


def _orientation(source: Image.Image) -> int:
    """EXIF's Orientation where browsers obey it, so that what a person paints over there lands here
    in the same place: not in a WebP, and not from XMP or a text of a PNG."""
    exif = source.info.get("exif")
    if source.format == "WEBP" or not isinstance(exif, bytes):
        return 1
    try:
        own = Image.Exif()
        own.load(exif)
        return int(own.get(ORIENTATION, 1))
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
    # A decoder's own words, without what a file may have put into them.
    text = " ".join(str(error).split())[:200]
    return "".join(each if each.isprintable() else "?" for each in text) or type(error).__name__
