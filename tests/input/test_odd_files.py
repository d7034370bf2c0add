"""Files as other programs write them: every depth, broken notes, several pictures in one."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from jobs.pictures.pictures import BadPicture, open_picture
from tests.jobs.test_pictures import corners, saved


def chunk(name: bytes, data: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(name + data)
    kept = right if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", kept)


def png_of(depth: int, kind: int, row: bytes, *notes: bytes) -> bytes:
    """A PNG of two pixels in a row, at any depth and colour type, with further chunks."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, depth, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(notes) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("depth", "kind", "row", "key"),
    [
        pytest.param(16, 0, struct.pack(">HH", 1000, 40000), struct.pack(">H", 1000), id="grey 16"),
        pytest.param(4, 0, bytes([0x5A]), struct.pack(">H", 5), id="grey 4"),
        pytest.param(2, 0, bytes([0b01100000]), struct.pack(">H", 1), id="grey 2"),
        pytest.param(8, 0, bytes([5, 9]), struct.pack(">H", 5), id="grey 8"),
        pytest.param(
            16,
            2,
            struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0),
            struct.pack(">3H", 0x1234, 0x5678, 0x9ABC),
            id="colour 16",
        ),
    ],
)
def test_the_one_transparent_colour_is_so_at_every_depth(
    depth: int, kind: int, row: bytes, key: bytes
):
    found = open_picture(png_of(depth, kind, row, chunk(b"tRNS", key)))
    assert found.mode == "RGBA"
    assert found.getchannel("A").tobytes() == b"\x00\xff"


def test_a_wrong_checksum_of_a_note_is_no_reason_to_refuse_a_picture():
    broken = [chunk(b"tEXt", b"a\0b", 7), chunk(b"gAMA", b"\0\0\xb1\x8f", 7)]
    found = open_picture(png_of(8, 0, bytes([5, 9]), *broken))
    assert (found.getpixel((0, 0)), found.getpixel((1, 0))) == ((5, 5, 5), (9, 9, 9))


def test_a_wrong_checksum_of_what_a_picture_needs_is():
    data = bytearray(png_of(8, 0, bytes([5, 9])))
    data[29] ^= 1  # the first byte of IHDR's checksum
    with pytest.raises(BadPicture):
        open_picture(bytes(data))


def test_a_jpeg_with_further_pictures_has_no_more_scans_than_another():
    plain = saved(Image.new("RGB", (16, 16)), "JPEG", progressive=True)
    scan = plain[plain.index(b"\xff\xda") : -2]
    second = saved(Image.new("RGB", (16, 16)), "MPO", save_all=True, append_images=[corners()])
    end = second.index(b"\xff\xd9")
    many = second[:end] + scan * 80 + second[end:]
    with Image.open(io.BytesIO(many)) as file:
        assert file.format == "MPO"
    with pytest.raises(BadPicture, match="at most 64 JPEG scans"):
        open_picture(many)
