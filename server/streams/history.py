"""What a Redis Stream has: its ends, and its entries with the jobs that ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, cast

from redis import Redis

from jobs.records.events import DoneEvent, LastingEvent, parse
from jobs.records.record import JobRecord, read_many
from server.streams.stream_ids import START
from server.streams.subscription import Entry

log = logging.getLogger(__name__)

PAGE = 500
"""Entries read at once, so that no reply is large."""

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


def history(redis: Redis, stream: str, after: str) -> Iterator[Entry]:
    """The entries of a stream after an id, as far as they are there."""
    while True:
        page = cast("Page", redis.xrange(stream, min=f"({after}", count=PAGE))
        yield from entries(redis, page)
        if len(page) < PAGE:
            return
        after = page[-1][0].decode()


def entries(redis: Redis, page: Page) -> list[Entry]:
    """The entries of a page; the jobs that ended in it are read all at once."""
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
