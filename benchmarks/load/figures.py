"""What came of a run, in figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.load.loops import Served
from benchmarks.load.requests import Asked
from benchmarks.server.told import BUSY, COMPILED, PADDED, ROWS, WAITS

LATE = 3
"""A picture is of use while it takes at most so many times what it takes alone."""


def percentile(every: Sequence[float], part: float) -> float:
    """The value below which this part of them lies."""
    ordered = sorted(every)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def summary(served: Sequence[Served], alone: Mapping[Asked, float]) -> dict[str, Any]:
    """Latency, pictures a second, and goodput: pictures a second that came in time. Of callers who
    are told apart the latency of each."""
    took = [each.took for each in served]
    seconds = length(served)
    good = sum(each.took <= LATE * alone[each.asked.alike] for each in served)
    by_caller: dict[str, list[float]] = {}
    for each in served:
        if each.asked.caller:
            by_caller.setdefault(each.asked.caller, []).append(each.took)
    return {
        "pictures": len(served),
        "p50": round(statistics.median(took), 3),
        "p95": round(percentile(took, 0.95), 3),
        "p99": round(percentile(took, 0.99), 3),
        "a_second": round(len(served) / seconds, 3),
        "goodput_a_second": round(good / seconds, 3),
        "in_time": round(good / len(served), 2),
        **{
            f"{name} of {caller}": round(percentile(each, part), 3)
            for caller, each in sorted(by_caller.items())
            for name, part in (("p50", 0.5), ("p95", 0.95))
        },
    }


def length(served: Sequence[Served]) -> float:
    """Seconds from the first request to the last picture."""
    return max(each.came + each.took for each in served)


def between(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """What an arm told of itself: the share of the time in which its device worked, rows a forward
    and how many of a hundred were there to fill it up, and seconds in the queue, on average."""

    def grown(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    found = {"device_share": round(grown(BUSY) / seconds, 3)}
    if forwards := grown(f"{ROWS}_count"):
        rows, padded = grown(f"{ROWS}_sum"), grown(f"{PADDED}_total")
        found["rows_a_forward"] = round(rows / forwards, 3)
        found["padding_percent"] = round(100 * padded / (rows + padded), 1)
        found["compiled_share"] = round(grown(f"{COMPILED}_total") / forwards, 3)
    if began := grown(f"{WAITS}_count"):
        found["queue_wait"] = round(grown(f"{WAITS}_sum") / began, 3)
    return found


def middle(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The medians of several runs, and of the 95th percentile and the rate their spread."""
    found: dict[str, Any] = {
        name: round(statistics.median(each[name] for each in rounds if name in each), 3)
        for name in rounds[0]
    }
    for name in ("p95", "a_second"):
        every = [each[name] for each in rounds]
        found[f"{name}_from_to"] = [min(every), max(every)]
    return found


def compared(ours: Sequence[float], others: Sequence[float]) -> str:
    """How many times as many pictures a second, unless the rounds say both ways, or one is all."""
    ratios = sorted(a / b for a, b in zip(ours, others, strict=True))
    if ratios[0] < 1 < ratios[-1] or len(ratios) < 2:
        return f"not resolved ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
