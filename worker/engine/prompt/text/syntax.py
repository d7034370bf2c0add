"""AUTOMATIC1111's prompt syntax: which words weigh how much, and where a new window begins."""

import re
from math import inf, isfinite
from typing import NamedTuple

# Beyond this a weight only makes noise; the embeddings of fp16 overflow not far above.
MAX_WEIGHT = 10.0

ROUND = 1.1
SQUARE = 1 / 1.1

# A product of thousands of brackets stays finite, so that a zero among them makes zero of it.
_FAR = 1e30

_TOKEN = re.compile(
    r"""
    \\(?P<escaped>[()\[\]\\]?)
    | :\s*(?P<weight>[+-]?[.\d]+)\s*\)
    | [()\[\]]
    | [^\\()\[\]:]+
    | :
    """,
    re.VERBOSE,
)
_BREAK = re.compile(r"\bBREAK\b")


class Weighted(NamedTuple):
    """A run of text and what its embeddings are multiplied by."""

    text: str
    weight: float


def parse_attention(prompt: str) -> list[list[Weighted]]:
    r"""The prompt's texts with their weights, one list for each part between two `BREAK`s.

    As AUTOMATIC1111's `parse_prompt_attention`: `(x)` multiplies by 1.1, `[x]` divides by 1.1,
    `(x:1.3)` multiplies by 1.3, brackets nest, one that is never closed reaches to the end and
    one that was never opened is text; `\(`, `\)`, `\[`, `\]` and `\\` are the characters
    themselves. Neighbours of equal weight are one text. Where that function raises or returns
    what nobody meant: a weight that is no number (`1.2.3`) is text, weights stay within
    MAX_WEIGHT either way, and a `BREAK` inside brackets breaks too, which go on behind it.
    Takes time in proportion to the prompt's length, whatever is in it.
    """
    texts, rounds, squares = _scan(prompt)
    factors = _products(rounds, len(texts))
    for position, factor in enumerate(_products(squares, len(texts))):
        factors[position] *= factor
    sections: list[list[tuple[list[str], float]]] = [[]]
    for text, factor in zip(texts, factors, strict=True):
        weight = _within(factor, MAX_WEIGHT)
        section = sections[-1]
        if text is None:
            sections.append([])
        elif section and section[-1][1] == weight:
            section[-1][0].append(text)
        else:
            section.append(([text], weight))
    return [[Weighted("".join(run), weight) for run, weight in each] for each in sections]


class _Brackets:
    """Brackets of one kind: which texts each encloses, and what it multiplies them by."""

    def __init__(self, multiplier: float) -> None:
        self.multiplier = multiplier
        self.opened: list[int] = []
        # (first text, one past the last text, multiplier); a bracket left open has no end.
        self.spans: list[tuple[int, float, float]] = []

    def close(self, end: float, multiplier: float | None = None) -> None:
        by = self.multiplier if multiplier is None else multiplier
        self.spans.append((self.opened.pop(), end, by))


def _scan(
    prompt: str,
) -> tuple[list[str | None], list[tuple[int, float, float]], list[tuple[int, float, float]]]:
    """The texts (None is a BREAK), and the spans of the round and of the square brackets."""
    texts: list[str | None] = []
    rounds, squares = _Brackets(ROUND), _Brackets(SQUARE)
    for match in _TOKEN.finditer(prompt):
        token = match[0]
        weight = _number(match["weight"])
        if token[0] == "\\":
            if match["escaped"]:
                texts.append(match["escaped"])
        elif token == "(":
            rounds.opened.append(len(texts))
        elif token == "[":
            squares.opened.append(len(texts))
        elif weight is not None and rounds.opened:
            rounds.close(len(texts), weight)
        elif match["weight"] and weight is None and rounds.opened:
            texts.append(token[:-1])
            rounds.close(len(texts))
        elif token == ")" and rounds.opened:
            rounds.close(len(texts))
        elif token == "]" and squares.opened:
            squares.close(len(texts))
        else:
            texts += _split_at_breaks(token)
    for brackets in (rounds, squares):
        while brackets.opened:
            brackets.close(inf)
    return texts, rounds.spans, squares.spans


def _split_at_breaks(text: str) -> list[str | None]:
    first, *rest = _BREAK.split(text)
    if not rest:
        return [text]
    pieces: list[str | None] = [first.rstrip()]
    for part in rest[:-1]:
        pieces += [None, part.strip()]
    pieces += [None, rest[-1].lstrip()]
    return [piece for piece in pieces if piece != ""]


def _products(spans: list[tuple[int, float, float]], length: int) -> list[float]:
    """For each of `length` texts the product of the multipliers of the spans that hold it.

    Spans of one kind nest, so the ones open at a text are a stack of running products.
    """
    products = [1.0] * length
    waiting = sorted(spans, key=lambda span: (span[0], -span[1]), reverse=True)
    held: list[tuple[float, float]] = []
    for position in range(length):
        while held and held[-1][0] <= position:
            held.pop()
        while waiting and waiting[-1][0] == position:
            _, end, multiplier = waiting.pop()
            if end > position:
                outer = held[-1][1] if held else 1.0
                held.append((end, _within(outer * multiplier, _FAR)))
        if held:
            products[position] = held[-1][1]
    return products


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else _within(number, _FAR)


def _within(number: float, limit: float) -> float:
    return max(-limit, min(limit, number))
