"""What came of a run, in figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.load.loops import Served
from benchmarks.load.requests import Asked

LATE = 3
"""A picture is of use while it takes at most so many times what it takes alone."""


def percentile(every: Sequence[float], part: float) -> float:
    """The value below which this part of them lies."""
    ordered = sorted(every)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def summary(served: Sequence[Served], alone: Mapping[Asked, float]) -> dict[str, Any]:
    """Latency, pictures a second, and goodput: pictures a second that came in time."""
    took = [each.took for each in served]
    seconds = max(each.came + each.took for each in served)
    good = sum(each.took <= LATE * alone[each.asked] for each in served)
    return {
        "pictures": len(served),
        "p50": round(statistics.median(took), 3),
        "p95": round(percentile(took, 0.95), 3),
        "p99": round(percentile(took, 0.99), 3),
        "a_second": round(len(served) / seconds, 3),
        "goodput_a_second": round(good / seconds, 3),
        "in_time": round(good / len(served), 2),
    }


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What a server told of itself: rows a forward, and seconds in the queue, on average."""
    names = {
        "rows_a_forward": "darkroom_forward_rows",
        "queue_wait": "darkroom_queue_wait_seconds",
    }
    found: dict[str, float] = {}
    for name, metric in names.items():
        count = after.get(f"{metric}_count", 0) - before.get(f"{metric}_count", 0)
        if count:
            total = after[f"{metric}_sum"] - before.get(f"{metric}_sum", 0)
            found[name] = round(total / count, 3)
    return found


def middle(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The medians of several runs, and of the 95th percentile and the rate their spread."""
    found: dict[str, Any] = {
        name: round(statistics.median(each[name] for each in rounds), 3) for name in rounds[0]
    }
    for name in ("p95", "a_second"):
        every = [each[name] for each in rounds]
        found[f"{name}_from_to"] = [min(every), max(every)]
    return found


def compared(ours: Sequence[float], others: Sequence[float]) -> str:
    """How many times as many pictures a second, unless the rounds say both ways."""
    ratios = sorted(a / b for a, b in zip(ours, others, strict=True))
    if ratios[0] < 1 < ratios[-1]:
        return f"not resolved ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
