"""Server-sent events: what a client is told, in which order, and how it looks on the wire."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

from jobs.lists.listing import list_jobs
from jobs.records.events import (
    ENDED,
    DoneEvent,
    Error,
    LastingEvent,
    ProgressEvent,
    Status,
    StatusEvent,
    job_stream,
    owner_stream,
)
from jobs.records.record import JobRecord, read
from server.streams.following import news
from server.streams.hub import Hub
from server.streams.stream_ids import START, milliseconds, order
from server.streams.subscription import Entry, Live, Subscription

log = logging.getLogger(__name__)

BEAT = 15.0
"""Seconds between two comments: phones and proxies drop connections that are silent for longer."""

RETRY = b"retry: 1000\n\n"
COMMENT = b": still here\n\n"
FAREWELL = b": the server is restarting, come back\n\n"
REVOKED = b": this device was revoked\n\n"

PAGE = 100
"""Records read at once when looking for jobs that ended unseen."""

DELETED = Error(code="deleted", detail="The job was deleted.")


class Shown(Protocol):
    """An event as clients see it."""

    @property
    def event(self) -> str:
        """Its kind."""
        ...

    def model_dump_json(self) -> str:
        """All else of it."""
        ...


Show = Callable[[LastingEvent, JobRecord | None], Shown]
"""Makes of a lasting event what clients are told. The end of a job comes with its record, which is
None if the job was deleted since."""


@dataclass(frozen=True)
class Feed:
    """Where the events of a stream come from, how they are shown, and to which device."""

    hub: Hub
    redis: Redis
    show: Show
    device: str | None

    def told(self, item: Entry | Live) -> bytes:
        """The frame of an event, made once for all who are told of it."""
        if isinstance(item, Live):
            return item.frame.made_by(lambda: frame(item.event))
        return item.frame.made_by(lambda: frame(self.show(item.event, item.record), item.id))

    def done(self, record: JobRecord, entry_id: str | None) -> bytes:
        """The frame of the end of a job whose event is gone."""
        event = DoneEvent(job=record.id, status=record.status, error=record.error)
        return frame(self.show(event, record), entry_id)

    def ticks(self, events: Subscription, last: str) -> Iterator[Entry | Live | bytes]:
        """New events as they come, a comment every 15 s, and a farewell when the server leaves.

        Ends within a few seconds of the device being revoked, and where the client is too slow.
        """
        beat = time.monotonic() + BEAT
        for item in news(events, last, self.hub.leaving, tick=BEAT):
            if events.overrun:
                return
            if events.revoked:
                yield REVOKED
                return
            if item is not None:
                yield item
            if time.monotonic() >= beat:
                beat = time.monotonic() + BEAT
                yield COMMENT
        yield FAREWELL


class JobStream:
    """The events of one job: what happened after `after`, how it stands, what happens, its end."""

    def __init__(self, feed: Feed, record: JobRecord, after: str | None) -> None:
        self._feed = feed
        self._record = record
        self._after = after or START
        self._told: Status | None = None

    @property
    def seen_to_the_end(self) -> bool:
        """Whether the client has the job's end already, and only comes back by itself."""
        if self._record.status not in ENDED or self._after == START:
            return False
        stream = job_stream(self._record.id)
        return self._after in (self._feed.hub.last_id(stream), _end_id(self._record))

    def frames(self) -> Generator[bytes]:
        """The stream, frame by frame, up to the job's end."""
        hub, stream = self._feed.hub, job_stream(self._record.id)
        job, device = self._record.id, self._feed.device
        with hub.subscribe(stream, self._record.owner, job=job, device=device) as (events, _):
            # Read before the history, so that an end which it has and the history lacks is lost.
            record = read(self._feed.redis, self._record.id)
            yield RETRY
            last = self._after
            for entry in hub.history(stream, self._after):
                last = entry.id
                yield self._frame(entry)
                if isinstance(entry.event, DoneEvent):
                    return
            if end := self._end(record):
                yield end
                return
            if record is not None:
                yield from self._present(record)
            yield from self._follow(events, last)

    def _end(self, record: JobRecord | None) -> bytes | None:
        """The end of a job whose event is gone: expired, lost in a crash, or never there."""
        if record is None:
            gone = DoneEvent(job=self._record.id, status="canceled", error=DELETED)
            return frame(self._feed.show(gone, None))
        if record.status in ENDED:
            return self._feed.done(record, _end_id(record))
        return None

    def _present(self, record: JobRecord) -> Iterator[bytes]:
        if self._told is None:
            yield frame(StatusEvent(job=record.id, status=record.status))
        if record.progress is not None:
            yield frame(ProgressEvent(job=record.id, progress=record.progress))

    def _follow(self, events: Subscription, last: str) -> Iterator[bytes]:
        for item in self._feed.ticks(events, last):
            if isinstance(item, Entry):
                yield self._frame(item)
                if isinstance(item.event, DoneEvent):
                    return
            elif isinstance(item, Live):
                yield self._feed.told(item)
            else:
                yield item
                if item == COMMENT and (end := self._lost_end()):
                    yield end
                    return

    def _lost_end(self) -> bytes | None:
        try:
            return self._end(read(self._feed.redis, self._record.id))
        except RedisError as error:
            # A client that was cut off now would find no server to come back to.
            log.warning("An event stream waits for Redis: %s", error)
            return None

    def _frame(self, entry: Entry) -> bytes:
        if isinstance(entry.event, StatusEvent):
            self._told = entry.event.status
        return self._feed.told(entry)


class OwnerStream:
    """The events of all of an owner's jobs, from now on or from where the client was."""

    def __init__(self, feed: Feed, owner: str, after: str | None) -> None:
        self._feed = feed
        self._owner = owner
        self._after = after

    def frames(self) -> Generator[bytes]:
        """The stream, frame by frame, until the client leaves."""
        hub, stream = self._feed.hub, owner_stream(self._owner)
        began = hub.id_before_now()
        with hub.subscribe(stream, self._owner, device=self._feed.device) as (events, now):
            yield RETRY
            # Of an empty stream "0-0" would say nothing of what was there before and has expired.
            last = self._after or (began if now == START else now)
            # Without it a client that loses its first connection early would not know where it was.
            yield f"id: {last}\n\n".encode()
            yield from self._trimmed(stream)
            for entry in hub.history(stream, last):
                last = entry.id
                yield self._feed.told(entry)
            for item in self._feed.ticks(events, last):
                yield item if isinstance(item, bytes) else self._feed.told(item)

    def _trimmed(self, stream: str) -> Iterator[bytes]:
        """The ends of jobs whose events are gone from the stream, from the jobs' records."""
        if self._after is None:
            return
        first = self._feed.hub.first_id(stream)
        if first is not None and order(self._after) >= order(first):
            return
        history = self._feed.hub.history(stream, self._after)
        still = {each.event.job for each in history if isinstance(each.event, DoneEvent)}
        since = milliseconds(self._after)
        before: str | None = None
        while True:
            page, before = list_jobs(
                self._feed.redis, self._owner, limit=PAGE, before=before, status=None
            )
            for record in page:
                # With a second to spare: told twice is better than not at all.
                ended = record.ended_at and _ms(record.ended_at) >= since - 1000
                if ended and record.id not in still:
                    yield self._feed.done(record, None)
            if before is None:
                return


def begin(frames: Generator[bytes]) -> Iterator[bytes]:
    """A stream that has begun: what keeps it from beginning is raised here, as for any answer.

    Should Redis go away later the stream ends, and its client comes back.
    """
    first = next(frames)
    return chain([first], _until_redis_goes(frames))


def _until_redis_goes(frames: Generator[bytes]) -> Iterator[bytes]:
    try:
        yield from frames
    except RedisError as error:
        log.warning("An event stream ends, its client will come back: %s", error)


def frame(event: Shown, entry_id: str | None = None) -> bytes:
    """One event as the text/event-stream format has it."""
    head = f"id: {entry_id}\n" if entry_id else ""
    return f"{head}event: {event.event}\ndata: {event.model_dump_json()}\n\n".encode()


def _end_id(record: JobRecord) -> str:
    """An id for the end of a job whose stream is gone."""
    return f"{_ms(record.ended_at) if record.ended_at else 0}-0"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
