"""Contact sheets: pictures in columns and rows under their labels, as one SVG.

An SVG, because its words are drawn by whoever shows it, in any script, by fonts that a server need
not have; and since its pictures lie in it, it can be kept and sent as one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from unicodedata import east_asian_width
from xml.sax.saxutils import escape, quoteattr

GAP = 8
FONT = 14
LINE = 18
LINES = 4
"""Of a label at most: the rest of a long prompt is the rest of a long prompt."""

EM = 0.56
"""How wide a letter is, of its height: what decides where a label breaks."""

PAPER, INK, FAINT = "#ffffff", "#241615", "#65504a"


@dataclass(frozen=True)
class Axis:
    """What changes along it, and what each of its values is called."""

    name: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """What is in a cell: a picture as a data URI, or why there is none."""

    data: str | None
    said: str


def sheet(axes: Sequence[Axis], pictures: Sequence[Picture], width: int, height: int) -> str:
    """The sheet of these pictures, each within `width` x `height`; the first axis goes fastest.

    The first axis is the columns, the second the rows; a third has a heading for each of its
    values, with the columns and rows of that below.
    """
    across, down, deep = [*axes, *[Axis("", [""])] * (3 - len(axes))][:3]
    columns = [_lines(label, width) for label in across.labels]
    rows = [_lines(label, width) for label in down.labels]
    head = LINE * max(map(len, columns)) + GAP
    longest = max(len(line) for lines in rows for line in lines)
    side = GAP + (min(width, int(longest * FONT * 0.7) + GAP) if down.name else 0)
    wide = side + len(columns) * (width + GAP)
    parts: list[str] = []
    top = GAP
    if title := " \u00d7 ".join(each.name for each in axes):
        parts.append(_text([title], GAP, top, FAINT))
        top += LINE + GAP
    cells = iter(pictures)
    for label in deep.labels:
        if deep.name:
            parts.append(_text([f"{deep.name}: {label}"], GAP, top, bold=True))
            top += LINE + GAP
        for at, lines in enumerate(columns):
            parts.append(_text(lines, side + at * (width + GAP), top))
        top += head
        for lines in rows:
            if down.name:
                parts.append(_text(lines, GAP, top))
            for at in range(len(columns)):
                parts += _cell(next(cells), side + at * (width + GAP), top, width, height)
            top += height + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{top}" '
        f'viewBox="0 0 {wide} {top}" font-family="system-ui, sans-serif" font-size="{FONT}">'
        f'<rect width="{wide}" height="{top}" fill="{PAPER}"/>{"".join(parts)}</svg>'
    )


def _cell(cell: Picture, x: int, y: int, width: int, height: int) -> Iterator[str]:
    box = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    if cell.data:
        yield f"<image {box} href={quoteattr(cell.data)}/>"
    else:
        yield f'<rect {box} fill="none" stroke="{FAINT}"/>'
        yield _text(_lines(cell.said, width - 2 * GAP), x + GAP, y + GAP, FAINT)


def _text(lines: Sequence[str], x: int, y: int, fill: str = INK, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    spans = "".join(
        f'<tspan x="{x}" y="{y + FONT + at * LINE}">{escape(_printable(line))}</tspan>'
        for at, line in enumerate(lines)
    )
    return f'<text fill="{fill}"{weight} unicode-bidi="plaintext">{spans}</text>'


def _lines(label: str, width: int) -> list[str]:
    """The label in as many lines as it may have."""
    text = _printable(label)
    broad = any(east_asian_width(each) in "WF" for each in text)
    letters = max(4, int(width / (FONT * (1 if broad else EM))))
    lines = wrap(text, letters) or [""]
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1][:-1]}\u2026"]


def _printable(text: str) -> str:
    """The text without what XML cannot say."""
    return "".join(each if each.isprintable() else " " for each in text)
