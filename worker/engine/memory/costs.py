"""What forwards and pictures cost in seconds, as measured: by shape and rows, by model and size."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from threading import Lock
from typing import NamedTuple

from worker.engine.memory.footprint import ForwardShape

RECENT = 9
"""Measurements that count: their median follows what else the machine does, and no single one of
them moves it."""


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


class Recent:
    """The median of the last measurements but the first of all, which warms caches up."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=RECENT)
        self._warm = False

    def add(self, value: float) -> None:
        if not self._warm and self._values:
            self._values.clear()
            self._warm = True
        self._values.append(value)

    @property
    def usual(self) -> float:
        return median(self._values)


class Costs:
    """All that was measured. The engine's thread adds; any may read."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._forwards: dict[ForwardShape, dict[int, Recent]] = {}
        self._around: dict[Kind, dict[str, Recent]] = {}
        self._kinds: dict[Kind, tuple[ForwardShape, int]] = {}

    def forward(self, shape: ForwardShape, rows: int, seconds: float) -> None:
        """A forward of so many rows took so long."""
        with self._lock:
            self._forwards.setdefault(shape, {}).setdefault(rows, Recent()).add(seconds)

    def stage(self, kind: Kind, name: str, seconds: float) -> None:
        """An encode or decode of one picture took so long."""
        with self._lock:
            self._around.setdefault(kind, {}).setdefault(name, Recent()).add(seconds)

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
        if not points:
            return None
        for (low, fast), (high, slow) in pairwise(points):
            if low <= rows <= high:
                return fast + (slow - fast) * (rows - low) / (high - low)
        nearest, took = points[0] if rows <= points[0][0] else points[-1]
        return took * rows / nearest

    def around(self, kind: Kind) -> float:
        """What encode and decode of a picture take together; 0 where none was measured."""
        with self._lock:
            return sum(each.usual for each in self._around.get(kind, {}).values())

    def all(self) -> list[Cost]:
        """What a picture costs of each kind whose steps and decoding were measured."""
        with self._lock:
            known = [
                (kind, *each, [self._around[kind][name].usual for name in ("encode", "decode")])
                for kind, each in self._kinds.items()
                if {"encode", "decode"} <= self._around.get(kind, {}).keys()
            ]
        found: list[Cost] = []
        for kind, shape, rows, around in known:
            points = self._points(shape)
            if not points:
                continue
            (low, fast), (high, slow) = points[0], points[-1]
            per_row = max(0.0, (slow - fast) / (high - low)) if high > low else fast / low
            fixed = max(0.0, fast - per_row * low)
            found.append(Cost(*kind, fixed, per_row, rows, *around))
        return found

    def _points(self, shape: ForwardShape) -> list[tuple[int, float]]:
        with self._lock:
            measured = self._forwards.get(shape, {})
            return sorted((rows, each.usual) for rows, each in measured.items())
