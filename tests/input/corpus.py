"""Small pictures of every kind that is taken, and broken ones made of them by mutation."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo

from jobs.pictures.pictures import FORMATS

assert "HEIF" in FORMATS, "to import it is what makes Pillow know HEIC"

SEED = 20_261


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def drawing(width: int = 40, height: int = 24, mode: str = "RGB") -> Image.Image:
    """Something that no codec can make nothing of: a gradient with edges."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    drawn = ImageDraw.Draw(picture)
    drawn.ellipse((4, 4, width - 8, height - 6), fill=(200, 40, 90))
    drawn.line((0, height, width, 0), fill=(10, 250, 20), width=2)
    return picture.convert(mode)


def gps_exif() -> Image.Exif:
    """EXIF as a phone writes it, with the place and the owner."""
    exif = Image.Exif()
    exif[0x010F] = "PhoneMaker"
    exif[0x0112] = 6
    exif[0xA430] = "Owner Name"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def turned() -> list[Image.Image]:
    """Further pictures for a file of several. Anew each time: saving leaves traces in them."""
    return [drawing().rotate(30 * turn) for turn in range(1, 4)]


@cache
def seeds() -> dict[str, bytes]:
    """Whole pictures by name, each of another kind."""
    text = PngInfo()
    text.add_text("parameters", "a pear\nSteps: 20, Sampler: DDIM, Seed: 1")
    text.add_itxt("darkroom", "{}", zip=True)
    text.add_text("Comment", "x" * 300, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = gps_exif().tobytes()
    picture = drawing()
    frames = turned()
    return {
        "png": saved(picture, "PNG"),
        "png-text": saved(picture, "PNG", pnginfo=text, exif=exif, icc_profile=profile),
        "png-palette": saved(picture.quantize(16), "PNG", transparency=3),
        "png-16": saved(Image.new("I;16", (24, 16), 40_000), "PNG"),
        "png-alpha": saved(drawing(mode="RGBA"), "PNG"),
        "png-grey": saved(drawing(mode="LA"), "PNG"),
        "apng": saved(picture, "PNG", save_all=True, append_images=frames, duration=40),
        "jpeg": saved(picture, "JPEG", quality=80),
        "jpeg-phone": saved(picture, "JPEG", exif=exif, icc_profile=profile),
        "jpeg-progressive": saved(picture, "JPEG", progressive=True),
        "jpeg-cmyk": saved(drawing(mode="CMYK"), "JPEG"),
        "webp": saved(picture, "WEBP", exif=exif, icc_profile=profile),
        "webp-lossless": saved(drawing(mode="RGBA"), "WEBP", lossless=True),
        "webp-animated": saved(picture, "WEBP", save_all=True, append_images=frames),
        "heic": saved(picture, "HEIF", exif=exif, quality=60),
        "avif": saved(picture, "AVIF", exif=exif, speed=10),
        "mpo": saved(picture, "MPO", save_all=True, append_images=turned(), exif=exif),
        "gif": saved(picture.quantize(16), "GIF", transparency=3),
        "gif-animated": saved(picture, "GIF", save_all=True, append_images=frames),
        "bmp": saved(picture, "BMP"),
        "bmp-palette": saved(picture.quantize(16), "BMP"),
        "tiff": saved(drawing(), "TIFF", exif=exif),
        "tiff-lzw": saved(drawing(mode="RGBA"), "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": saved(drawing(), "TIFF", compression="jpeg"),
        "tiff-pages": saved(drawing(), "TIFF", save_all=True, append_images=frames),
        "icon": saved(drawing(mode="RGBA"), "ICO", sizes=[(16, 16), (24, 24)]),
        "icon-bmp": saved(drawing(mode="RGBA"), "ICO", sizes=[(24, 24)], bitmap_format="bmp"),
    }


def broken(count: int, seed: int = SEED) -> Iterator[tuple[str, bytes]]:
    """`count` broken pictures with a name each, always the same ones for the same seed."""
    chance = random.Random(seed)
    names = sorted(seeds())
    ways = sorted(MUTATIONS)
    for number in range(count):
        name, way = names[number % len(names)], ways[number // len(names) % len(ways)]
        mutated = MUTATIONS[way](seeds()[name], chance)
        yield f"{number}-{name}-{way}", mutated


def _bits(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 32))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def _hole(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 64) :]


def _lengths(data: bytes, chance: random.Random) -> bytes:
    """What may be a length or a size, in the head above all, becomes an extreme one."""
    changed = bytearray(data)
    width = chance.choice((2, 4))
    extreme = chance.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    order = chance.choice((">", "<"))
    value = struct.pack(f"{order}I", extreme & 0xFFFFFFFF)
    value = value[-width:] if order == ">" else value[:width]
    start = chance.randrange(min(len(data) - width, chance.choice((48, 400, len(data) - width))))
    changed[start : start + width] = value
    return bytes(changed)


def _shuffled(data: bytes, chance: random.Random) -> bytes:
    """The chunks of a PNG in another order, with right checksums; blocks of any other file."""
    if not data.startswith(b"\x89PNG"):
        size = chance.choice((8, 32, 128))
        blocks = [data[start : start + size] for start in range(0, len(data), size)]
        head, rest = blocks[0], blocks[1:]
        chance.shuffle(rest)
        return head + b"".join(rest)
    found = list(chunks(data))
    first, rest = found[0], found[1:]
    chance.shuffle(rest)
    return data[:8] + b"".join(chunk(*each) for each in (first, *rest))


def _spliced(data: bytes, chance: random.Random) -> bytes:
    other = seeds()[chance.choice(sorted(seeds()))]
    at = chance.randrange(1, len(data))
    return data[:at] + other[chance.randrange(len(other)) :]


def _repeated(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    part = data[start : start + chance.randrange(1, 200)]
    return data[:start] + part * chance.choice((2, 50, 500)) + data[start:]


def _resealed(data: bytes, chance: random.Random) -> bytes:
    """A PNG whose chunk was changed and whose checksum is right all the same."""
    if not data.startswith(b"\x89PNG"):
        return _bits(data, chance)
    found = list(chunks(data))
    index = chance.randrange(len(found))
    name, body = found[index]
    if body:
        found[index] = (name, _bits(body, chance))
    return data[:8] + b"".join(chunk(*each) for each in found)


def _noise(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(8, len(data))
    return data[:start] + chance.randbytes(chance.choice((16, 4096)))


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bits": _bits,
    "cut": _cut,
    "hole": _hole,
    "lengths": _lengths,
    "noise": _noise,
    "repeated": _repeated,
    "resealed": _resealed,
    "shuffled": _shuffled,
    "spliced": _spliced,
}


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a whole PNG."""
    position = 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += 12 + length


def png_of(
    width: int, height: int, *before: bytes, rows: int | None = None, bits: int = 8
) -> bytes:
    """A PNG of one grey whose pixels take next to nothing, with other chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    count = height if rows is None else rows
    row = b"\0" * (1 + width * bits // 8) if count else b""
    pixels = b"".join(packer.compress(row) for _ in range(count)) + packer.flush()
    parts = (chunk(b"IHDR", header), *before, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
