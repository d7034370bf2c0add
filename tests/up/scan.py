"""Reads a QR code back from the characters that show it, as a phone's camera would."""

from __future__ import annotations

import itertools
import re

import cv2
import numpy as np

PIXELS = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}


DARK = "█▀▄#"


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
    picture = cv2.copyMakeBorder(picture, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=0)
    text, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    return text
