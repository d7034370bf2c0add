"""Reads a QR code back from the characters that show it, as a phone's camera would."""

from __future__ import annotations

import itertools
import re

import cv2
import numpy as np
import resvg_py

PIXELS = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}


DARK = "█▀▄#"

READERS = cv2.QRCodeDetectorAruco, cv2.QRCodeDetector


def printed_code(text: str) -> str:
    """The QR code in what a program printed: its first block of drawn lines."""
    lines = itertools.dropwhile(lambda line: not line.startswith(("███", "###")), text.split("\n"))
    return "\n".join(itertools.takewhile(lambda line: line and line[0] in DARK, lines))


def scan(printed: str) -> str:
    """What a phone's camera makes of a terminal with a dark ground."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).rstrip("\n").split("\n")
    if "#" in printed:
        rows = [[1 if line[at] == "#" else 0 for at in range(0, len(line), 2)] for line in lines]
    else:
        halves = [[[PIXELS[each][half] for each in line] for half in (0, 1)] for line in lines]
        rows = [row for pair in halves for row in pair]
    picture = np.kron(np.array(rows, np.uint8) * 255, np.ones((6, 6), np.uint8))
    return _read(cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=0))


def scan_svg(drawing: str) -> str:
    """What a camera makes of an SVG on a dark page."""
    return scan_png(bytes(resvg_py.svg_to_bytes(svg_string=drawing, width=400)))


def scan_png(picture: bytes) -> str:
    """What a camera makes of a picture on a dark page."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return _read(cv2.copyMakeBorder(pixels, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=0))


def _read(picture: cv2.typing.MatLike) -> str:
    # A camera looks more than once: either of the two misses a code in some hundreds.
    found = (kind().detectAndDecode(picture)[0] for kind in READERS)
    return next(filter(None, found), "")
