"""Keeps in Redis what each caller had of the device, and learns what they had of others."""

from __future__ import annotations

import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from jobs.records import shares
from jobs.records.shares import Charged
from worker.engine import Shares
from worker.loop.board import Board

log = logging.getLogger("darkroom.worker")

KEEP_EVERY = 0.5
"""Seconds between two entries: what another worker decides by it is no older."""


class Ledger:
    """The account of this worker's engine, beside that of all workers in Redis."""

    def __init__(self, board: Board, connection: Redis, own: Shares) -> None:
        self.board = board
        self.connection = connection
        self._own = own
        self._kept = 0.0

    def keep(self) -> None:
        """Enter what was charged since the last time, if that is due. Raises RedisError, and has
        it for the next time."""
        now = time.monotonic()
        if now - self._kept < KEEP_EVERY:
            return
        self._kept = now
        charges = self._own.take()
        present = {slot.lane.caller for slot in self.board.held()}
        entries = [Charged(caller, each.start, each.seconds) for caller, each in charges.items()]
        known = present - charges.keys()
        try:
            tags = shares.charge(self.connection, entries)
            tags.update(shares.tags(self.connection, sorted(known)))
        except RedisError:
            self._own.put_back(charges)
            raise
        self._own.learn(tags, present)
