"""How the memory and the file handles of processes grow, as slopes over many samples."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import suppress
from statistics import linear_regression, median
from typing import NamedTuple

import psutil

MEGABYTE = 1_000_000


class Sample(NamedTuple):
    """One look at a process: when (seconds), bytes in memory, open handles."""

    at: float
    memory: float
    handles: float


class Growth(NamedTuple):
    """Of one process, over the time in which it was measured."""

    process: str
    memory: float
    """Median, in bytes."""
    handles: float
    """Median."""
    memory_slope: float
    """Bytes an hour."""
    handle_slope: float
    """Handles an hour."""
    more_memory: float
    """Bytes that the slope adds in the time measured."""
    more_handles: float
    """Handles that the slope adds in the time measured."""


class Samples:
    """Looks at processes, and what their samples come to."""

    def __init__(self) -> None:
        self._of: dict[str, list[Sample]] = defaultdict(list)

    def look(self, processes: dict[str, psutil.Process]) -> None:
        """One sample of each process, by its name."""
        for name, process in processes.items():
            with suppress(psutil.Error):
                memory, handles = process.memory_info().rss, process.num_fds()
                self._of[name].append(Sample(time.monotonic(), memory, handles))

    def growth(self) -> list[Growth]:
        """The slopes of those that were there from the first sample to the last."""
        longest = max(len(each) for each in self._of.values())
        return [
            _growth(name, each) for name, each in sorted(self._of.items()) if len(each) == longest
        ]

    @property
    def passing(self) -> list[str]:
        """Those that came or went meanwhile."""
        longest = max(len(each) for each in self._of.values())
        return sorted(name for name, each in self._of.items() if len(each) < longest)


def table(found: list[Growth]) -> str:
    """A line a process."""
    lines = [f"{'process':<28}{'MB':>8}{'MB/h':>9}{'handles':>9}{'handles/h':>11}"]
    for each in found:
        slope = each.memory_slope / MEGABYTE
        lines.append(
            f"{each.process:<28}{each.memory / MEGABYTE:>8.1f}{slope:>9.2f}"
            f"{each.handles:>9.0f}{each.handle_slope:>11.2f}"
        )
    return "\n".join(lines)


def _growth(name: str, samples: list[Sample]) -> Growth:
    at = [each.at for each in samples]
    memory, handles = [each.memory for each in samples], [each.handles for each in samples]
    memory_slope = linear_regression(at, memory).slope
    handle_slope = linear_regression(at, handles).slope
    lasted = at[-1] - at[0]
    return Growth(
        name,
        median(memory),
        median(handles),
        memory_slope * 3600,
        handle_slope * 3600,
        memory_slope * lasted,
        handle_slope * lasted,
    )
