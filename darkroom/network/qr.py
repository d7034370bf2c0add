"""A QR code as text, for a terminal or for a log that somebody looks at."""

from __future__ import annotations

from typing import TextIO

import segno

BORDER = 2
"""Light modules round the code: scanners find it with half of the standard's four."""

BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
"""Two modules one above the other in one character, the light ones drawn."""

PAPER = "\033[38;5;231;48;5;16m"
"""White on black whatever the terminal's own colours are."""

PLAIN = "\033[0m"


def draw(text: str, *, blocks: bool = True, colours: bool = False) -> str:
    """`text` as a QR code, light on dark; every line ends with a line break.

    Without `blocks` each module is two characters of plain ASCII. `colours` is for a terminal;
    without them the code is right on a dark ground, and most scanners read it on a light one too.
    """
    matrix = segno.make_qr(text, error="l").matrix
    side = len(matrix) + 2 * BORDER
    light = [[True] * side for _ in range(side)]
    for y, row in enumerate(matrix, start=BORDER):
        light[y][BORDER : BORDER + len(row)] = [not module for module in row]
    if blocks:
        light.append([False] * side)
        pairs = zip(light[::2], light[1::2], strict=False)
        lines = ["".join(BLOCKS[pair] for pair in zip(*rows, strict=True)) for rows in pairs]
    else:
        lines = ["".join("##" if module else "  " for module in row) for row in light]
    before, after = (PAPER, PLAIN) if colours else ("", "")
    return "".join(f"{before}{line}{after}\n" for line in lines)


def draw_for(stream: TextIO, text: str, columns: int) -> str:
    """`text` as a QR code in what this stream can show; empty where it is too wide for that."""
    try:
        "".join(BLOCKS.values()).encode(stream.encoding or "ascii")
        blocks = True
    except UnicodeError:
        blocks = False
    drawn = draw(text, blocks=blocks, colours=stream.isatty())
    fits = len(draw(text, blocks=blocks).partition("\n")[0]) <= columns
    return drawn if fits else ""
