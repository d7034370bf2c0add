"""Watches the leases in Redis: which worker had which job from when to when."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from jobs.connection import connect

LOOK = 0.03
"""Seconds between two looks: how exact the times are."""


@dataclass
class Attempt:
    """One lease of a job, as far as it was seen."""

    job: str
    worker: str
    first: float
    last: float
    gone: float | None = None


@dataclass
class Times:
    """Seconds from faults to what followed, by the kind of fault."""

    of: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, kind: str, seconds: float) -> None:
        """One more."""
        self.of.setdefault(kind, []).append(seconds)

    def table(self, title: str) -> str:
        """How they are distributed, a line a kind."""
        lines = [f"{title:<44}{'n':>5}{'median':>9}{'p90':>9}{'max':>9}"]
        for kind, found in sorted(self.of.items()):
            ordered = sorted(found)
            p50, p90 = _share(ordered, 5), _share(ordered, 9)
            lines.append(f"  {kind:<42}{len(found):>5}{p50:>9.2f}{p90:>9.2f}{ordered[-1]:>9.2f}")
        return "\n".join(lines)


class Witness:
    """A thread that looks at every lease, through outages, until it is stopped."""

    def __init__(self, url: str) -> None:
        self.attempts: dict[str, Attempt] = {}
        self.blind: list[tuple[float, float]] = []
        self._redis: Redis = connect(url, timeout=0.5, retries=0)
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._leaving.set()
        self._thread.join()
        self._redis.close()

    def held(self, worker: str, at: float) -> list[Attempt]:
        """The attempts that a worker had under way at a time."""
        return [
            each
            for each in list(self.attempts.values())
            if each.worker == worker and each.first <= at and (each.gone or at) >= at
        ]

    def next_of(self, attempt: Attempt) -> Attempt | None:
        """The attempt at the same job that came after."""
        later = [
            each
            for each in list(self.attempts.values())
            if each.job == attempt.job and each.first > attempt.first
        ]
        return min(later, key=lambda each: each.first, default=None)

    def workers_of(self, job: str) -> list[str]:
        """Who had the job, one name an attempt."""
        return [each.worker for each in list(self.attempts.values()) if each.job == job]

    def _run(self) -> None:
        last = time.monotonic()
        while not self._leaving.wait(LOOK):
            try:
                self._look()
            except RedisError:
                continue
            now = time.monotonic()
            if now - last > 1:
                self.blind.append((last, now))
            last = now

    def _look(self) -> None:
        queues = [name.decode() for name in cast("set[bytes]", self._redis.smembers("rq:queues"))]
        with self._redis.pipeline(transaction=False) as pipe:
            for name in queues:
                pipe.zrange(f"rq:wip:{name.removeprefix('rq:queue:')}", 0, -1)
            found = cast("list[list[bytes]]", pipe.execute())
        now = time.monotonic()
        entries = {entry.decode() for each in found for entry in each}
        for entry in entries - self.attempts.keys():
            worker = cast("bytes | None", self._redis.hget(f"rq:execution:{entry}", "worker_name"))
            if worker is not None:
                job = entry.partition(":")[0]
                self.attempts[entry] = Attempt(job, worker.decode(), now, now)
        for entry, attempt in self.attempts.items():
            if entry in entries:
                attempt.last = now
            elif attempt.gone is None:
                attempt.gone = now


def _share(ordered: list[float], tenths: int) -> float:
    if len(ordered) < 2:
        return ordered[0]
    return quantiles(ordered, n=10, method="inclusive")[tenths - 1]
