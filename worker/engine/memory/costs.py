"""What forwards and pictures cost in seconds, as measured: by shape and rows, by model and size."""

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

from worker.engine.memory.footprint import ForwardShape

RECENT = 32
"""Steps of the engine by which it is judged how much slower than at its fastest all goes now."""


LONGER = 10.0
"""Times as long as later ones the first forward of a shape takes at most."""


class Kind(NamedTuple):
    """Pictures that cost the same beside their steps: a model's, of one size in pixels."""

    model: str
    width: int
    height: int


@dataclass(frozen=True)
class Cost:
    """What pictures of a kind cost, in seconds: a forward takes `fixed` and `per_row` for each of
    its rows, of which it has at most `rows`; `encode` and `decode` are those of one picture."""

    model: str
    width: int
    height: int
    fixed: float
    per_row: float
    rows: int
    encode: float
    decode: float


class Costs:
    """All that was measured. The engine's thread adds; any may read.

    Of each number of rows and of each stage the fastest counts, because what disturbs a measurement
    only ever adds time; how much slower all goes at present, by what else the machine does and by
    what comes between, the last steps of the engine say together.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._forwards: dict[ForwardShape, dict[int, float]] = {}
        self._first: dict[ForwardShape, float] = {}
        self._around: dict[Kind, dict[str, float]] = {}
        self._kinds: dict[Kind, tuple[ForwardShape, int]] = {}
        self._steps: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._at_best = 0.0
        self._slowness = 1.0
        self._known: dict[ForwardShape, list[tuple[int, float]]] = {}

    def forward(self, shape: ForwardShape, rows: int, seconds: float) -> None:
        """A forward of so many rows took so long."""
        with self._lock:
            known = self._forwards.setdefault(shape, {})
            if seconds < known.get(rows, math.inf):
                known[rows] = seconds
                self._known.pop(shape, None)
            self._at_best += min(best for more, best in known.items() if more >= rows)

    def first(self, shape: ForwardShape, rows: int, seconds: float) -> None:
        """The first forward of a shape, which was weighed, took so long: longer than others do."""
        with self._lock:
            self._first[shape] = seconds / rows / LONGER

    def stage(self, kind: Kind, name: str, seconds: float) -> None:
        """An encode or decode of one picture took so long."""
        with self._lock:
            known = self._around.setdefault(kind, {})
            known[name] = min(known.get(name, seconds), seconds)
            self._at_best += known[name]

    def forget(self, model: str) -> None:
        """The name stands for another model from now on."""
        with self._lock:
            self._forwards = {
                shape: each for shape, each in self._forwards.items() if shape.model != model
            }
            self._first = {
                shape: each for shape, each in self._first.items() if shape.model != model
            }
            self._known.clear()
            self._around = {
                kind: each for kind, each in self._around.items() if kind.model != model
            }
            self._kinds = {kind: each for kind, each in self._kinds.items() if kind.model != model}

    def step(self, seconds: float) -> None:
        """A step of the engine took so long, with all that was measured in it."""
        with self._lock:
            if self._at_best:
                self._steps.append((seconds, self._at_best))
                self._at_best = 0.0
                took, at_best = (sum(each) for each in zip(*self._steps, strict=True))
                self._slowness = took / at_best

    @property
    def slowness(self) -> float:
        """How many times as long everything takes now as at its fastest."""
        return self._slowness

    def belongs(self, kind: Kind, shape: ForwardShape, rows: int) -> None:
        """Pictures of this kind go through forwards of this shape, of at most so many rows."""
        with self._lock:
            # The first shape: those that follow are of a second pass, which is larger.
            first, _ = self._kinds.get(kind, (shape, rows))
            self._kinds[kind] = first, rows

    def seconds(self, shape: ForwardShape, rows: int) -> float | None:
        """What a forward of so many rows should take; None where none of the shape was measured.

        Between two measured numbers of rows in proportion, and beyond them by the row.
        """
        points = self._points(shape)
        return self.slowness * _seconds(rows, points) if points else None

    def at_best(self, shape: ForwardShape, rows: int) -> float | None:
        """What a forward of so many rows takes where nothing else disturbs it; of a shape that was
        not measured what that of the model's which is nearest in area says, by area. None where
        nothing of the model was measured."""
        with self._lock:
            known = [each for each in self._forwards if each.model == shape.model]
            begun = [each for each in self._first if each.model == shape.model]
        if not known and not begun:
            return None
        like = min(known or begun, key=lambda each: (each != shape, _apart(each, shape)))
        seconds = _seconds(rows, self._points(like)) if known else rows * self._first[like]
        return seconds * shape.area / like.area

    def around(self, kind: Kind) -> float:
        """What encode and decode of a picture take together; 0 where none was measured."""
        with self._lock:
            return self.slowness * sum(self._around.get(kind, {}).values())

    def all(self) -> list[Cost]:
        """What a picture costs of each kind whose steps and decoding were measured."""
        with self._lock:
            known = [
                (kind, *each, [self._around[kind][name] for name in ("encode", "decode")])
                for kind, each in self._kinds.items()
                if {"encode", "decode"} <= self._around.get(kind, {}).keys()
            ]
        found: list[Cost] = []
        for kind, shape, rows, around in known:
            every = self._points(shape)
            if not every:
                continue
            (low, fast), (high, slow) = every[0], _at_most(rows, every)
            per_row = max(0.0, (slow - fast) / (high - low)) if high > low else fast / low
            fixed = max(0.0, fast - per_row * low)
            slower = self.slowness
            encode, decode = (slower * each for each in around)
            found.append(
                Cost(*kind, slower * fixed, slower * per_row, rows, encode=encode, decode=decode)
            )
        return found

    def _points(self, shape: ForwardShape) -> list[tuple[int, float]]:
        """The fastest by rows; what more rows were made in, fewer would have been as well."""
        with self._lock:
            if shape not in self._known:
                points: list[tuple[int, float]] = []
                for rows, seconds in sorted(self._forwards.get(shape, {}).items(), reverse=True):
                    points.append((rows, min(seconds, points[-1][1]) if points else seconds))
                self._known[shape] = points[::-1]
            return self._known[shape]


def _apart(one: ForwardShape, other: ForwardShape) -> float:
    return abs(math.log(one.area / other.area))


def _seconds(rows: int, points: list[tuple[int, float]]) -> float:
    """What so many rows take by what was measured: see `Costs.seconds`."""
    for (low, fast), (high, slow) in pairwise(points):
        if low <= rows <= high:
            return fast + (slow - fast) * (rows - low) / (high - low)
    nearest, took = points[0] if rows <= points[0][0] else points[-1]
    return took * rows / nearest


def _at_most(rows: int, points: list[tuple[int, float]]) -> tuple[int, float]:
    """The end of the curve for forwards of at most so many rows.

    Where more were measured, that says what so many take: by the fewest alone, which may be one or
    two, it would be many times as much.
    """
    if not points[0][0] < rows < points[-1][0]:
        return points[0] if rows <= points[0][0] else points[-1]
    return rows, _seconds(rows, points)
