"""Following a subscription: what is new, and a job until it has ended."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Iterator
from threading import Event as Flag

from redis import Redis
from redis.exceptions import RedisError

from jobs.records.events import ENDED, DoneEvent, Event, StatusEvent, job_stream
from jobs.records.record import JobRecord, read
from server.streams.hub import Hub
from server.streams.stream_ids import START, order
from server.streams.subscription import Entry, Live, Subscription

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds without anything new after which whoever follows may look at something else."""

LOOK = 15.0
"""Seconds after which the job's record is read, should its last event have been lost."""


def news(
    events: Subscription, last: str, leaving: Flag, until: float = math.inf, tick: float = TICK
) -> Iterator[Entry | Live | None]:
    """What comes after the entry `last`, and None after each `tick` in which nothing came.

    None comes earlier where the subscription was woken. Ends at a time of the monotonic clock, and
    when the server leaves.
    """
    while (left := until - time.monotonic()) > 0 and not leaving.is_set():
        item = events.next(min(left, tick))
        if isinstance(item, Entry):
            # The end of the history may be in the subscription as well.
            if order(item.id) <= order(last):
                continue
            last = item.id
        yield item


def follow(
    hub: Hub, redis: Redis, record: JobRecord, seconds: float, *, live: bool
) -> Generator[Event | None, None, None]:
    """What happens to a job until it has ended, or some seconds have passed, or the server leaves.

    Its status comes at once, then its events, with previews and progress if `live`, and None after
    each second in which nothing happened.
    """
    deadline, look = time.monotonic() + seconds, time.monotonic() + LOOK
    stream, last = job_stream(record.id), START
    with hub.subscribe(stream, record.owner, job=record.id, live=live) as (events, _):
        yield StatusEvent(job=record.id, status=record.status)
        for entry in hub.history(stream, START):
            last = entry.id
            yield entry.event
            if isinstance(entry.event, DoneEvent):
                return
        for item in news(events, last, hub.leaving, deadline):
            event = item.event if item else None
            yield event
            if isinstance(event, DoneEvent):
                return
            if time.monotonic() >= look or events.overrun:
                look = time.monotonic() + LOOK
                if _has_ended(redis, record.id):
                    return


def _has_ended(redis: Redis, job_id: str) -> bool:
    try:
        record = read(redis, job_id)
    except RedisError as error:
        log.warning("A request that waits for its job waits for Redis: %s", error)
        return False
    return record is None or record.status in ENDED
