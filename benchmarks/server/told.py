"""What a server tells of itself, as its metrics have it, summed over models."""

from __future__ import annotations

import threading
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

METRICS = "/api/v1/metrics"

FORWARDS, STAGES = "darkroom_step_seconds", "darkroom_stage_seconds"
ENDED = "darkroom_job_seconds_count"
ROWS = "darkroom_forward_rows"
WAITS = "darkroom_queue_wait_seconds"
COMPILED, PADDED = "darkroom_compiled_forwards", "darkroom_padded_rows"
WANTED = (FORWARDS, STAGES, ROWS, WAITS, COMPILED, PADDED, "darkroom_job_seconds")

DEVICE = ("encode", "enlarge", "decode", "restore", "whole")
"""Stages that the device works on; making and storing files is not its work."""

BUSY = "busy_seconds"
"""Under this stands how long the device worked: forwards and these stages. On a processor these are
seconds by the clock within them, on a card those between the events around each forward."""

PATIENCE = 6.0
"""Seconds within which a worker tells what it measured, three of its beats."""


class Ledger:
    """What a server told before this, and the jobs that ended since."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._before = _read(http).get(ENDED, 0.0)
        self._ended, self._counting = 0, threading.Lock()

    def ended(self) -> None:
        """Another job has ended. From any thread."""
        with self._counting:
            self._ended += 1

    def told(self) -> dict[str, float]:
        """Sums and counts by the metrics' names, and BUSY, once the worker has told of every job
        that ended."""
        wanted, end = self._before + self._ended, time.monotonic() + PATIENCE
        while (found := _read(self._http)).get(ENDED, 0.0) < wanted and time.monotonic() < end:
            time.sleep(0.2)
        return found


def _read(http: httpx.Client) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(http.get(METRICS).text):
        for sample in family.samples if family.name in WANTED else ():
            if family.name == STAGES and sample.labels["stage"] not in DEVICE:
                continue
            if sample.name.endswith(("_sum", "_count", "_total")):
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    found[BUSY] = sum(found.get(f"{each}_sum", 0.0) for each in (FORWARDS, STAGES))
    return found
