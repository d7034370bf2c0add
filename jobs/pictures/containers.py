"""What a picture's bytes say before a decoder sees them: the scans of a JPEG, a PNG's checksums."""

from __future__ import annotations

import re
import zlib

MAX_SCANS = 64
MAX_SCANNED = 1_500_000_000
"""Scans of a JPEG, and pixels times scans: an encoder writes ten or fewer, and a file of a few
kilobytes can ask for thousands, each of which goes over the whole picture."""

NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends the data of a scan; 0xFF00 is a byte of it and 0xFFD0 to 0xFFD7 restart it."""

START_OF_SCAN = 0xDA
END_OF_IMAGE = 0xD9
STANDING_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9), 0xFF))
"""Markers without a length, among them the byte that pads."""

PNG = b"\x89PNG\r\n\x1a\n"
FRAME = 12
"""Bytes of a PNG's chunk beside its data: length, name, checksum."""
ANCILLARY = 0x20
"""Bit in the first letter of a chunk's name: the picture can be shown without it."""


def most_scans(size: tuple[int, int]) -> int:
    """How many scans a JPEG of this size, in pixels, may have."""
    return min(MAX_SCANS, max(1, MAX_SCANNED // (size[0] * size[1])))


def has_more_scans(data: bytes, most: int) -> bool:
    """Whether the first picture of a JPEG has more scans than this, without decoding any."""
    scans = 0
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            found = NEXT_MARKER.search(data, position)
            if found is None:
                return False
            position = found.start()
        marker = data[position + 1]
        if marker == END_OF_IMAGE:
            return False  # what follows is of no decoder's concern
        if marker in STANDING_ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == START_OF_SCAN:
            scans += 1
            if scans > most:
                return True
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == START_OF_SCAN:
            found = NEXT_MARKER.search(data, position)
            if found is None:
                return False
            position = found.start()
    return False


def without_broken_notes(data: bytes) -> bytes:
    """A PNG without those chunks that no picture needs and whose checksum is wrong, as browsers
    show it; other bytes as they are."""
    if not data.startswith(PNG):
        return data
    kept: list[bytes] = []
    start = position = len(PNG)
    while position + FRAME <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + FRAME + length
        if end > len(data):
            break
        if data[position + 4] & ANCILLARY:
            checksum = int.from_bytes(data[end - 4 : end], "big")
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
                kept.append(data[start:position])
                start = end
        position = end
    return PNG + b"".join(kept) + data[start:] if kept else data
