"""Pictures that are asked for whenever somebody likes, and how long each was waited for."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

P95 = 0.95


@dataclass(frozen=True)
class Asked:
    """A picture of so many steps that is asked for at a moment, in seconds from the first."""

    at: float
    steps: int


@dataclass(frozen=True)
class Served:
    """One that came, and how long it took."""

    steps: int
    came: float
    took: float


def poisson(count: int, rate: float, seed: int) -> list[float]:
    """The moments at which those come who know nothing of each other, so many a second."""
    dice, at, times = Random(seed), 0.0, list[float]()
    for _ in range(count):
        at += dice.expovariate(rate)
        times.append(at)
    return times


def percentile(every: Sequence[float], part: float) -> float:
    """The value below which this part of them lies."""
    ordered = sorted(every)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def slowdown(served: Sequence[Served], alone: Mapping[int, float]) -> dict[str, float]:
    """How many times as long as one alone of as many steps they took: the median and the 95th of a
    hundred."""
    times = [each.took / alone[each.steps] for each in served]
    return {
        "p50": round(statistics.median(times), 3),
        "p95": round(percentile(times, P95), 3),
    }


def by_steps(served: Sequence[Served], alone: Mapping[int, float]) -> dict[str, dict[str, float]]:
    """The same for each number of steps."""
    return {
        str(steps): slowdown([each for each in served if each.steps == steps], alone)
        for steps in alone
        if any(each.steps == steps for each in served)
    }
