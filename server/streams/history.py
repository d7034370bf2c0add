"""What a Redis Stream has: its ends, and its entries with the jobs that ended.

Entries that were read a moment ago are kept for that long: a crowd that comes back after a restart
has missed the same, and each of it is read once.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

from redis import Redis

from jobs.records.events import DoneEvent, LastingEvent, parse
from jobs.records.record import JobRecord, read_many
from server.streams.stream_ids import START
from server.streams.subscription import Entry

log = logging.getLogger(__name__)

PAGE = 500
"""Entries read at once, so that no reply is large."""

FRESH = 2.0
"""Seconds for which an entry is kept: of a job that is deleted nothing is told for longer."""

KEPT = 1000
"""Entries that are kept at once, each with its job and its frame: some megabytes."""

PATIENCE = 1.0
"""Seconds to wait for somebody who may be reading the same."""

Page = Sequence[tuple[bytes, dict[bytes, bytes]]]
"""Entries as Redis has them."""


def last_id(redis: Redis, stream: str) -> str:
    """The id of a stream's last entry, or one before every id."""
    reply = cast("list[tuple[bytes, Any]]", redis.xrevrange(stream, count=1))
    return reply[0][0].decode() if reply else START


def first_id(redis: Redis, stream: str) -> str | None:
    """The id of the first entry that a stream still has; None where it has none."""
    page = cast("list[tuple[bytes, Any]]", redis.xrange(stream, count=1))
    return page[0][0].decode() if page else None


class Recent:
    """The entries of all streams that were read a moment ago."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[float, Entry]] = OrderedDict()
        self._lock = Lock()
        self._reading = Lock()

    def after(self, redis: Redis, stream: str, last: str) -> Iterator[Entry]:
        """The entries of a stream after an id, as far as they are there."""
        while True:
            page = cast("Page", redis.xrange(stream, min=f"({last}", count=PAGE))
            yield from self.of(redis, stream, page)
            if len(page) < PAGE:
                return
            last = page[-1][0].decode()

    def of(self, redis: Redis, stream: str, page: Page) -> list[Entry]:
        """The entries of a page of a stream."""
        known = self._known(stream, page)
        if len(known) < len(page):
            with self._turn():
                known = self._known(stream, page)
                missing = [each for each in page if each[0].decode() not in known]
                known |= self._keep(stream, entries(redis, missing))
        ids = (entry_id.decode() for entry_id, _ in page)
        return [known[entry_id] for entry_id in ids if entry_id in known]

    def _known(self, stream: str, page: Page) -> dict[str, Entry]:
        oldest = time.monotonic() - FRESH
        ids = [entry_id.decode() for entry_id, _ in page]
        with self._lock:
            there = {each: found for each in ids if (found := self._kept.get((stream, each)))}
        return {each: entry for each, (read_at, entry) in there.items() if read_at >= oldest}

    def _keep(self, stream: str, new: list[Entry]) -> dict[str, Entry]:
        now = time.monotonic()
        with self._lock:
            for entry in new:
                self._kept[stream, entry.id] = now, entry
                self._kept.move_to_end((stream, entry.id))
            while self._kept and (
                len(self._kept) > KEPT or next(iter(self._kept.values()))[0] < now - FRESH
            ):
                self._kept.popitem(last=False)
        return {entry.id: entry for entry in new}

    @contextmanager
    def _turn(self) -> Generator[None]:
        mine = self._reading.acquire(timeout=PATIENCE)
        try:
            # Who has waited for a Redis that hangs asks it himself, and is told.
            yield
        finally:
            if mine:
                self._reading.release()


def entries(redis: Redis, page: Page) -> list[Entry]:
    """The entries of a page, read anew; the jobs that ended in it all at once."""
    found = [(entry_id.decode(), event) for entry_id, fields in page if (event := _event(fields))]
    ended = [event.job for _, event in found if isinstance(event, DoneEvent)]
    records = _records(redis, ended) if ended else {}
    return [
        Entry(entry_id, event, records.get(event.job) if isinstance(event, DoneEvent) else None)
        for entry_id, event in found
    ]


def _records(redis: Redis, jobs: list[str]) -> dict[str, JobRecord | None]:
    try:
        return dict(zip(jobs, read_many(redis, jobs), strict=True))
    except (KeyError, TypeError, ValueError):
        # One that another program has spoilt is no reason to tell nobody anything.
        log.exception("The record of one of the jobs %s cannot be read", ", ".join(jobs))
        return {}


def _event(fields: dict[bytes, bytes]) -> LastingEvent | None:
    try:
        return cast("LastingEvent", parse(fields[b"data"]))
    except (KeyError, ValueError):
        log.warning("An entry of a stream of events is not one of ours")
        return None
