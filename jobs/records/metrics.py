"""Counters and histograms that all workers add to and every API replica can show.

Workers have no port of their own, so what they measure is summed in one Redis hash. Prometheus
counters may only grow; a hash that outlives its workers does just that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import cast

from redis import Redis
from redis.client import Pipeline

METRICS = "darkroom:metrics"

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
ROWS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256)


@dataclass(frozen=True)
class HistogramInfo:
    """One histogram: its help text, its label and its buckets' upper bounds."""

    help: str
    label: str
    buckets: tuple[float, ...]


HISTOGRAMS = {
    "queue_wait_seconds": HistogramInfo("Seconds from submit to a worker.", "model", SECONDS),
    "job_seconds": HistogramInfo("Seconds from submit to the end, by outcome.", "outcome", SECONDS),
    "step_seconds": HistogramInfo("Seconds of one forward of the UNet.", "model", SECONDS),
    "forward_rows": HistogramInfo("Rows that shared one forward of the UNet.", "model", ROWS),
    "stage_seconds": HistogramInfo("Seconds of the other stages.", "stage", SECONDS),
}
COUNTERS = {
    "jobs": ("Jobs that ended, by outcome.", "outcome"),
    "images": ("Pictures stored, by model.", "model"),
    "compiled_forwards": ("Forwards that ran compiled, by model.", "model"),
    "padded_rows": ("Rows by which compiled forwards were filled up, by model.", "model"),
    "requeued_jobs": ("Jobs that run again because their worker died.", "reason"),
}


class Metrics:
    """Gathers what one worker measures, from any of its threads, until it is flushed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sums: defaultdict[str, float] = defaultdict(float)

    def observe(self, name: str, label: str, value: float) -> None:
        """Add a value to a histogram of HISTOGRAMS."""
        bucket = bisect_left(HISTOGRAMS[name].buckets, value)
        with self._lock:
            self._sums[f"{name}|{label}|{bucket}"] += 1
            self._sums[f"{name}|{label}|sum"] += value

    def count(self, name: str, label: str, by: int = 1) -> None:
        """Add to a counter of COUNTERS."""
        with self._lock:
            self._sums[f"{name}|{label}|total"] += by

    def flush(self, connection: Redis) -> None:
        """Add what was gathered to the shared sums; kept for the next flush if Redis is away."""
        with self._lock:
            sums, self._sums = self._sums, defaultdict(float)
        try:
            with connection.pipeline() as pipe:
                for field, by in sums.items():
                    pipe.hincrbyfloat(METRICS, field, by)
                pipe.execute()
        except Exception:
            with self._lock:
                for field, by in sums.items():
                    self._sums[field] += by
            raise


def count(pipe: Pipeline, name: str, label: str) -> None:
    """Add one to a counter of COUNTERS in a transaction, with the change that it counts."""
    pipe.hincrbyfloat(METRICS, f"{name}|{label}|total", 1)


def read(connection: Redis) -> dict[str, dict[str, dict[str, float]]]:
    """The shared sums as name -> label -> bucket number, `sum` or `total` -> value."""
    raw = cast("dict[bytes, bytes]", connection.hgetall(METRICS))
    tree: dict[str, dict[str, dict[str, float]]] = {}
    for field, value in raw.items():
        name, label, part = field.decode().split("|")
        tree.setdefault(name, {}).setdefault(label, {})[part] = float(value)
    return tree
