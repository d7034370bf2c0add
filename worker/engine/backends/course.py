"""Calls of one network that differ in their rows alone, and what there is for them."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.engine.backends.cabinet import Comparison
from worker.engine.backends.call import Call
from worker.engine.backends.compiler import ANY, CompiledNetwork, Compiler, ConvertedNetwork


@dataclass(eq=False)
class Course:
    """What `compiler` was asked for such calls, and has made for them."""

    sample: Call
    compiler: Compiler | None
    looked: bool = False
    converted: ConvertedNetwork | None = None
    asked: Counter[int] = field(default_factory=Counter[int])
    there: dict[int, tuple[CompiledNetwork, Comparison]] = field(
        default_factory=dict[int, tuple[CompiledNetwork, Comparison]]
    )
    untried: dict[int, CompiledNetwork] = field(default_factory=dict[int, CompiledNetwork])
    declined: set[int] = field(default_factory=set[int])
    met: float = 0.0
    """When such a call came last."""
    resting: float = 0.0
    """Until when nothing more is compiled of it, since there was no room."""
    lost: dict[int, float] = field(default_factory=dict[int, float])
    """Rows whose answers were right and came later than the plain ones, each with when it has its
    second trial: others may have had the processor during the first."""

    def size(self, sizes: tuple[int, ...], rows: int) -> int | None:
        """For how many rows a call of so many is compiled; None where it has too many."""
        return next((size for size in sizes if size == ANY or size >= rows), None)

    def wants(self) -> Iterator[int]:
        """The rows that calls had and for which nothing was tried, the fewest first."""
        again = {rows for rows, due in self.lost.items() if time.monotonic() < due}
        known = self.there.keys() | self.untried.keys() | self.declined | again
        return (rows for rows in sorted(self.asked) if rows not in known)

    def best(self, rows: int) -> CompiledNetwork | None:
        """What is fastest for a call of so many rows; None for the network itself."""
        fitting = [
            (compared.compiled, compiled)
            for size, (compiled, compared) in self.there.items()
            if size == ANY or (size >= rows and compared.compiled * size <= compared.eager * rows)
        ]
        return min(fitting, key=lambda each: each[0])[1] if fitting else None

    def of_rows(self, rows: int) -> Call:
        """A call for what was compiled for so many."""
        return self.sample.of_rows(rows or max(self.asked, default=2) or 2)

    @property
    def memory(self) -> int:
        """Memory that is taken by what was compiled."""
        return sum(compiled.memory for compiled, _ in list(self.there.values()))
