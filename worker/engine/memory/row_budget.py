"""How many rows a forward takes: measured for each shape, not a constant."""

import math
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from worker.engine.memory.footprint import MARGIN, Footprints, ForwardShape
from worker.engine.memory.notebook import Notebook
from worker.engine.memory.stopwatch import Measurement

K = TypeVar("K", bound=Hashable)

# One caller with guidance has two rows; eight fit wherever one picture does, or nearly.
START_ROWS = 8
START_AREA = 64 * 64
"""Where nothing of a model was measured: so many rows of latents up to this area, which is that of
512x512 in Stable Diffusion, and of larger ones as many as have that area together."""

# The first forward of a size warms caches and kernels up, so it is not counted; of the next
# ones the fastest is, because what disturbs a measurement only ever adds time.
WARM_UP = 1
SAMPLES = 4
ENOUGH = WARM_UP + SAMPLES

# A larger forward must be this much cheaper a row, else it only makes newcomers wait longer.
WORTHWHILE = 0.97

# Full forwards until the size is compared anew, because what else runs on the machine changes.
PATIENCE = 200


class Keyed(Protocol):
    """What a budget needs to know of a batch key."""

    @property
    def shape(self) -> ForwardShape: ...
    @property
    def exact(self) -> bool: ...


class Budgets:
    """How many rows a forward takes: for tasks that must be exact always the same number, so that
    every row is equal to the bit; for all others the measured one, and never more than the memory
    is expected to hold.

    `limit` is the most bytes that a forward may take beyond the weights; without it what the
    device has decides. `notebook` keeps what was measured for the next start.
    """

    def __init__(
        self,
        *,
        max_rows: int,
        exact_rows: int,
        limit: int | None = None,
        notebook: Notebook | None = None,
    ) -> None:
        rows, sizes = notebook.read(max_rows) if notebook else ({}, {})
        self._max_rows = max_rows
        self._measured = RowBudget(max_rows, known=rows, first=first_rows)
        self._exact_rows = exact_rows
        self._footprints = Footprints(sizes)
        self._limit = limit
        self._notebook = notebook
        self._kept = self._measured.revision

    def rows(self, key: Keyed) -> int:
        """The most rows that the next forward for `key` takes."""
        if key.exact:
            return self._exact_rows
        rows = self._measured.rows(key.shape)
        if self._limit is None or (a_row := self._footprints.bytes_per_row(key.shape)) is None:
            return rows
        return max(1, min(rows, int(self._limit / (a_row * MARGIN))))

    def record(self, key: Keyed, measurement: Measurement) -> None:
        """Learns from one finished forward."""
        if not key.exact:
            self._measured.record(key.shape, measurement)
            self._keep()

    def out_of_memory(self, key: Keyed, rows: int) -> None:
        """Halves what is tried after a forward of `rows` did not fit.

        Not where it must be exact: a smaller forward would give other bits.
        """
        if not key.exact:
            self._measured.out_of_memory(key.shape, rows)
            self._keep()

    def weighed(self, key: Keyed) -> bool:
        """Whether it is known what memory a row of this shape takes."""
        return key.shape in self._footprints.measured

    def weigh(self, key: Keyed, bytes_per_row: int) -> None:
        """Takes in what a row of a forward took."""
        self._footprints.learn(key.shape, bytes_per_row)
        self._keep(always=True)

    def settled(self, key: Keyed) -> bool:
        """Whether the size of this shape's forwards was measured to its end."""
        return key.shape in self._measured.settled

    def check(self, key: Keyed, width: int, height: int, capacity: int) -> None:
        """Raises OutOfMemory for a picture that can never fit, of `capacity` bytes or the limit."""
        self._footprints.check(key.shape, width, height, self._limit or capacity)

    def forget(self, model: str) -> None:
        """The name stands for other weights from now on: all that was measured is of the old."""
        self._measured.forget(lambda shape: shape.model == model)
        self._footprints.forget(model)
        self._keep(always=True)

    def _keep(self, *, always: bool = False) -> None:
        if self._notebook is None or (self._kept == self._measured.revision and not always):
            return
        self._kept = self._measured.revision
        known, sizes = self._measured.settled, self._footprints.measured
        self._notebook.write(known, sizes, self._max_rows)


@dataclass
class _Climb:
    """The search for one key: seconds a row at the present size, and at twice that."""

    limit: int
    small: deque[float] = field(default_factory=lambda: deque[float](maxlen=ENOUGH))
    large: deque[float] = field(default_factory=lambda: deque[float](maxlen=ENOUGH))
    last: Measurement | None = None
    settled_for: int | None = None


class RowBudget(Generic[K]):
    """Climbs to the cheapest number of rows for each key, and down again where memory ends.

    Forwards of the present size and of twice that take turns, so that what else the machine
    does slows both alike; the larger becomes the present one if it is cheaper a row and its
    memory is expected to fit, up to `max_rows`. Otherwise the size stays, to be compared anew,
    from half of it, after PATIENCE forwards. Forwards that are not full say nothing: there is
    no demand for more. A key that was never seen begins with as many rows as `first` makes of it
    and of what was measured of others.
    """

    def __init__(
        self,
        max_rows: int,
        known: Mapping[K, int] | None = None,
        first: Callable[[K, Mapping[K, int]], int] = lambda key, settled: START_ROWS,
    ) -> None:
        self._max_rows = max_rows
        self._first = first
        self._climbs: dict[K, _Climb] = {
            key: _Climb(min(rows, max_rows), settled_for=0) for key, rows in (known or {}).items()
        }
        self.revision = 0

    @property
    def settled(self) -> dict[K, int]:
        """The sizes that were measured to their end."""
        return {
            key: climb.limit
            for key, climb in self._climbs.items()
            if climb.settled_for is not None or climb.limit * 2 > self._max_rows
        }

    def rows(self, key: K) -> int:
        """The most rows that the next forward for `key` takes."""
        climb = self._climb(key)
        if climb.settled_for is None and self._may_double(climb):
            return climb.limit * (2 if len(climb.large) < len(climb.small) else 1)
        return climb.limit

    def record(self, key: K, measurement: Measurement) -> None:
        """Learns from one finished forward."""
        climb = self._climb(key)
        climb.last = _with_most(measurement, climb.last)
        cost = measurement.seconds / measurement.rows
        if _is_full(measurement.rows, climb.limit):
            self._record_small(key, climb, cost)
        elif _is_full(measurement.rows, 2 * climb.limit) and climb.settled_for is None:
            climb.large.append(cost)
        if min(len(climb.small), len(climb.large)) == ENOUGH:
            self._climbs[key] = _decide(climb)
            self.revision += 1

    def forget(self, of: Callable[[K], bool]) -> None:
        """Measures these keys anew."""
        self._climbs = {key: climb for key, climb in self._climbs.items() if not of(key)}
        self.revision += 1

    def out_of_memory(self, key: K, rows: int) -> None:
        """Halves the limit after a forward of `rows` did not fit."""
        self._climbs[key] = _Climb(max(1, min(rows, self.rows(key)) // 2), settled_for=0)
        self.revision += 1

    def _climb(self, key: K) -> _Climb:
        if key not in self._climbs:
            rows = self._first(key, self.settled)
            self._climbs[key] = _Climb(min(rows, self._max_rows))
        return self._climbs[key]

    def _record_small(self, key: K, climb: _Climb, cost: float) -> None:
        if climb.settled_for is None and self._may_double(climb):
            climb.small.append(cost)
            return
        climb.settled_for = (climb.settled_for or 0) + 1
        if climb.settled_for >= PATIENCE:
            self._climbs[key] = _Climb(max(1, climb.limit // 2), last=climb.last)

    def _may_double(self, climb: _Climb) -> bool:
        rows, last = climb.limit * 2, climb.last
        if rows > self._max_rows:
            return False
        if last is None or last.used is None or last.free is None:
            return True
        return last.used / last.rows * rows * MARGIN <= last.free


def _with_most(measurement: Measurement, last: Measurement | None) -> Measurement:
    """The measurement, with the most memory that a row took: a forward that is replayed works in
    memory of its own, and what it takes of the rest says nothing of one that is not."""
    if last is None or last.used is None or measurement.used is None:
        return measurement
    before = round(last.used / last.rows * measurement.rows)
    return replace(measurement, used=max(before, measurement.used))


def first_rows(shape: ForwardShape, settled: Mapping[ForwardShape, int]) -> int:
    """Rows to begin a shape with of which no forward was measured.

    A forward is worth no more rows once its latents together fill the device, whatever the area of
    one: so from the model's shape that is most like this one, half of what that predicts, to be
    compared with the whole of it first. That has the powers of two between which a climb goes.
    """
    of_it = [other for other in settled if other.model == shape.model]
    if not of_it:
        return max(2, min(START_ROWS, _power(START_ROWS * START_AREA / shape.area)))
    like = min(of_it, key=lambda other: _unlike(other, shape))
    return max(2, _power(settled[like] * like.area / shape.area / 2))


def _unlike(other: ForwardShape, shape: ForwardShape) -> tuple[bool, bool, float]:
    apart = abs(math.log(other.area / shape.area))
    return other.steered != shape.steered, other.plain != shape.plain, apart


def _power(rows: float) -> int:
    return 2 ** max(0, round(math.log2(rows)))


def _is_full(rows: int, limit: int) -> bool:
    """Whether a forward had no room for one more guided task, which takes two rows."""
    return limit - 1 <= rows <= limit


def _decide(climb: _Climb) -> _Climb:
    small, large = (min(list(costs)[WARM_UP:]) for costs in (climb.small, climb.large))
    if large <= WORTHWHILE * small:
        return _Climb(climb.limit * 2, last=climb.last)
    return _Climb(climb.limit, last=climb.last, settled_for=0)
