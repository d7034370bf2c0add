"""How many rows a UNet forward takes: measured for each shape, not a constant."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

# One caller with guidance has two rows; eight fit wherever one picture does, or nearly.
START_ROWS = 8

# The first forward of a size warms caches and kernels up, so it is not counted; of the next
# ones the fastest is, because what disturbs a measurement only ever adds time.
WARM_UP = 1
SAMPLES = 4
ENOUGH = WARM_UP + SAMPLES

# A larger forward must be this much cheaper a row, else it only makes newcomers wait longer.
WORTHWHILE = 0.97

# Full forwards until the size is compared anew, because what else runs on the machine changes.
PATIENCE = 200

# Activations grow in proportion to rows; the margin is for the allocator's fragments.
MARGIN = 1.2


@dataclass(frozen=True)
class Measurement:
    """One UNet forward: its rows, its seconds, and on an accelerator its memory in bytes.

    `used` is what the forward needed beyond the weights, `free` what it could have had.
    """

    rows: int
    seconds: float
    used: int | None = None
    free: int | None = None


class Budget(Protocol):
    """Rows per forward for a key, as the batcher asks for it and the runner corrects it."""

    def rows(self, key: Hashable) -> int: ...
    def record(self, key: Hashable, measurement: Measurement) -> None: ...
    def out_of_memory(self, key: Hashable, rows: int) -> None: ...


class FixedRows:
    """Always the same number: what `exact` mode needs, so that every row is equal to the bit."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def rows(self, key: Hashable) -> int:
        return self._rows

    def record(self, key: Hashable, measurement: Measurement) -> None:
        """Nothing to learn."""

    def out_of_memory(self, key: Hashable, rows: int) -> None:
        """A smaller forward would give other bits: the runner fails what does not fit."""


@dataclass
class _Climb:
    """The search for one key: seconds a row at the present size, and at twice that."""

    limit: int
    small: deque[float] = field(default_factory=lambda: deque[float](maxlen=ENOUGH))
    large: deque[float] = field(default_factory=lambda: deque[float](maxlen=ENOUGH))
    last: Measurement | None = None
    settled_for: int | None = None


class RowBudget:
    """Climbs to the cheapest number of rows for each key, and down again where memory ends.

    Forwards of the present size and of twice that take turns, so that what else the machine
    does slows both alike; the larger becomes the present one if it is cheaper a row and its
    memory is expected to fit, up to `max_rows`. Otherwise the size stays, to be compared anew,
    from half of it, after PATIENCE forwards. Forwards that are not full say nothing: there is
    no demand for more.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._climbs: dict[Hashable, _Climb] = {}

    def rows(self, key: Hashable) -> int:
        """The most rows that the next forward for `key` takes."""
        climb = self._climb(key)
        if climb.settled_for is None and self._may_double(climb):
            return climb.limit * (2 if len(climb.large) < len(climb.small) else 1)
        return climb.limit

    def record(self, key: Hashable, measurement: Measurement) -> None:
        """Learns from one finished forward."""
        climb = self._climb(key)
        climb.last = measurement
        cost = measurement.seconds / measurement.rows
        if _is_full(measurement.rows, climb.limit):
            self._record_small(key, climb, cost)
        elif _is_full(measurement.rows, 2 * climb.limit) and climb.settled_for is None:
            climb.large.append(cost)
        if min(len(climb.small), len(climb.large)) == ENOUGH:
            self._climbs[key] = _decide(climb)

    def out_of_memory(self, key: Hashable, rows: int) -> None:
        """Halves the limit after a forward of `rows` did not fit."""
        self._climbs[key] = _Climb(max(1, min(rows, self.rows(key)) // 2), settled_for=0)

    def _climb(self, key: Hashable) -> _Climb:
        return self._climbs.setdefault(key, _Climb(min(START_ROWS, self._max_rows)))

    def _record_small(self, key: Hashable, climb: _Climb, cost: float) -> None:
        if climb.settled_for is None and self._may_double(climb):
            climb.small.append(cost)
            return
        climb.settled_for = (climb.settled_for or 0) + 1
        if climb.settled_for >= PATIENCE:
            self._climbs[key] = _Climb(max(1, climb.limit // 2))

    def _may_double(self, climb: _Climb) -> bool:
        rows, last = climb.limit * 2, climb.last
        if rows > self._max_rows:
            return False
        if last is None or last.used is None or last.free is None:
            return True
        return last.used / last.rows * rows * MARGIN <= last.free


def _is_full(rows: int, limit: int) -> bool:
    """Whether a forward had no room for one more guided task, which takes two rows."""
    return limit - 1 <= rows <= limit


def _decide(climb: _Climb) -> _Climb:
    small, large = (min(list(costs)[WARM_UP:]) for costs in (climb.small, climb.large))
    if large <= WORTHWHILE * small:
        return _Climb(climb.limit * 2)
    return _Climb(climb.limit, settled_for=0)
