"""Looks at the queue that the requests of one process share.

A look takes as long as the queue is: with a thousand jobs some fifty milliseconds of a processor.
So a look at a long queue is kept for a few times of what it cost, and who comes while one is being
taken waits for it. However many ask, looks take a bounded part of a processor. A short queue is
shown as it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from redis import Redis

from jobs.lists import standing
from jobs.lists.standing import Standing
from jobs.records.record import JobRecord

MANY = 32
"""Jobs that wait, from which on a look is kept. Not by what one took: on a busy machine that is
much for a few jobs too, and who asks for one that has just begun would be told that it waits."""

KEPT = 4.0
"""For how many times of what it took a look is kept, by the clock."""

LONGEST = 3.0
"""Seconds for which a look is kept at most."""


@dataclass(frozen=True)
class _Look:
    stands: Standing
    until: float

    def has(self, records: Sequence[JobRecord]) -> bool:
        """Whether it is still kept, with these jobs in it where they wait."""
        return time.monotonic() < self.until and all(map(self.stands.knows, records))


class Looks:
    """How the queue stands, as one look says it to all who ask at about the same time.

    A job that waits is in every look that is given for it, and a look is never from before jobs
    changed places; what others did since may be missing for as long as the look is kept.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = Lock()
        self._last: _Look | None = None

    def now(self, records: Sequence[JobRecord] = ()) -> Standing:
        """How the queue stands, with these jobs in it where they wait. Raises RedisError."""
        return self._kept(records) or self._take(records)

    def add(self, record: JobRecord) -> None:
        """A job that this process has just submitted is in the kept look from now on.

        Else each submission to a long queue would take a look of its own.
        """
        with self._lock:
            last = self._last
            if last is None or time.monotonic() >= last.until or last.stands.knows(record):
                return
            if (stands := last.stands.joined(record)) is not None:
                self._last = _Look(stands, last.until)

    def _kept(self, records: Sequence[JobRecord]) -> Standing | None:
        last = self._last
        if last is None or not last.has(records):
            return None
        return last.stands if last.stands.moves == standing.moves(self._redis) else None

    def _take(self, records: Sequence[JobRecord]) -> Standing:
        with self._lock:
            # Somebody else's, taken while this one waited.
            if kept := self._kept(records):
                return kept
            began = time.thread_time()
            stands = standing.look(self._redis).played()
            took = time.thread_time() - began
            kept_for = min(LONGEST, KEPT * took) if stands.waiting >= MANY else 0.0
            self._last = _Look(stands, time.monotonic() + kept_for)
            return stands
