"""Tidies up: ended jobs past KEEP_DAYS with their pictures, half-written files, unused lanes."""

from __future__ import annotations

import logging
import time
from threading import Thread

from redis import Redis
from redis.exceptions import RedisError

from jobs.connection import now
from jobs.lists import listing, standing
from jobs.pictures.image_store import ImageStore
from jobs.queue import queue
from jobs.records import lanes

log = logging.getLogger("darkroom.worker")

TIDY_EVERY = 600.0
"""Seconds between two tidyings of one worker; nothing that they remove is urgent."""

ADOPT = 0.2
"""Seconds at a time for the jobs of an earlier version: the worker's leases must not wait."""

TIDY_LOCK = "darkroom:tidying"


class Retention:
    """Tidies up now and then; of many workers one does."""

    def __init__(self, connection: Redis, store: ImageStore, keep_days: int) -> None:
        self.connection = connection
        self.store = store
        self.keep_days = keep_days
        self._next = 0.0
        self._at_it: Thread | None = None
        self._adopting = listing.adopt(connection)

    def run_if_due(self) -> None:
        """Tidy up if it is time and no other worker has just done so, beside the caller: a store
        that hangs may not keep anybody from renewing leases."""
        self._adopt()
        if time.monotonic() < self._next or (self._at_it and self._at_it.is_alive()):
            return
        self._next = time.monotonic() + TIDY_EVERY
        if self.connection.set(TIDY_LOCK, 1, nx=True, ex=int(TIDY_EVERY / 2)):
            self._at_it = Thread(target=self._run, name="retention", daemon=True)
            self._at_it.start()

    def _run(self) -> None:
        try:
            self.run()
        except (RedisError, OSError) as error:
            log.error("tidying up was broken off: %s", error)
        except Exception:
            log.exception("tidying up went wrong")

    def _adopt(self) -> None:
        until = time.monotonic() + ADOPT
        try:
            for _ in self._adopting:
                if time.monotonic() > until:
                    return
        except RedisError:
            self._adopting = listing.adopt(self.connection)
            raise

    def run(self) -> int:
        """Tidy up; returns how many jobs were removed."""
        self.store.sweep()
        lanes.prune(self.connection)
        standing.prune(self.connection)
        if not self.keep_days:
            return 0
        removed = 0
        before = now(self.connection) - self.keep_days * 24 * 3600
        for record in listing.ended_before(self.connection, before):
            for image in record.stored_pictures():
                self.store.delete(image)
            queue.delete(self.connection, record)
            removed += 1
        if removed:
            log.info("%d jobs older than %d days were removed", removed, self.keep_days)
        return removed
