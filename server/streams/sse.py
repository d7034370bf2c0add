"""Server-sent events: what a client is told, in which order, and how it looks on the wire."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from datetime import datetime
from itertools import chain

from redis.exceptions import RedisError

from jobs import devices
from jobs.queue.events import (
    ENDED,
    DoneEvent,
    Error,
    Event,
    LiveEvent,
    OutputEvent,
    ProgressEvent,
    Status,
    StatusEvent,
    job_stream,
    owner_stream,
)
from jobs.queue.queue import list_jobs
from jobs.queue.record import JobRecord, read
from server.resources import Resources
from server.streams.stream_ids import START, milliseconds, order
from server.streams.subscription import Entry, Subscription
from server.views import DoneEventView, OutputEventView, job_view, output_view

log = logging.getLogger(__name__)

BEAT = 15.0
"""Seconds between two comments: phones and proxies drop connections that are silent for longer."""

TICK = 1.0
"""Seconds after which a stream looks whether the server is leaving."""

LOOK = 2.0
"""Seconds after which a stream looks whether its device may still come in."""

RETRY = "retry: 1000\n\n"
COMMENT = ": still here\n\n"
FAREWELL = ": the server is restarting, come back\n\n"
REVOKED = ": this device was revoked\n\n"

PAGE = 100
"""Records read at once when looking for jobs that ended unseen."""

DELETED = Error(code="deleted", detail="The job was deleted.")


class JobStream:
    """The events of one job: what happened after `after`, how it stands, what happens, its end."""

    def __init__(
        self, resources: Resources, record: JobRecord, after: str | None, device: str | None
    ) -> None:
        self._resources = resources
        self._device = device
        self._record = record
        self._after = after or START
        self._told: Status | None = None

    @property
    def seen_to_the_end(self) -> bool:
        """Whether the client has the job's end already, and only comes back by itself."""
        if self._record.status not in ENDED or self._after == START:
            return False
        stream = job_stream(self._record.id)
        return self._after in (self._resources.hub.last_id(stream), _end_id(self._record))

    def frames(self) -> Generator[str]:
        """The stream, frame by frame, up to the job's end."""
        hub, stream = self._resources.hub, job_stream(self._record.id)
        with hub.subscribe(stream, self._record.owner, job=self._record.id) as (events, _):
            # Read before the history, so that an end which it has and the history lacks is lost.
            record = read(self._resources.redis, self._record.id)
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

    def _end(self, record: JobRecord | None) -> str | None:
        """The end of a job whose event is gone: expired, lost in a crash, or never there."""
        if record is None:
            return frame(
                DoneEventView(job=self._record.id, status="canceled", error=DELETED, result=None)
            )
        if record.status in ENDED:
            return done_frame(self._resources, record, _end_id(record))
        return None

    def _present(self, record: JobRecord) -> Iterator[str]:
        if self._told is None:
            yield frame(StatusEvent(job=record.id, status=record.status))
        if record.progress is not None:
            yield frame(ProgressEvent(job=record.id, progress=record.progress))

    def _follow(self, events: Subscription, last: str) -> Iterator[str]:
        for item in ticks(self._resources, events, last, self._device):
            if isinstance(item, Entry):
                yield self._frame(item)
                if isinstance(item.event, DoneEvent):
                    return
            elif isinstance(item, str):
                yield item
                if item == COMMENT and (end := self._lost_end()):
                    yield end
                    return
            else:
                yield frame(item)

    def _lost_end(self) -> str | None:
        try:
            return self._end(read(self._resources.redis, self._record.id))
        except RedisError as error:
            # A client that was cut off now would find no server to come back to.
            log.warning("An event stream waits for Redis: %s", error)
            return None

    def _frame(self, entry: Entry) -> str:
        if isinstance(entry.event, StatusEvent):
            self._told = entry.event.status
        return lasting_frame(self._resources, entry)


class OwnerStream:
    """The events of all of an owner's jobs, from now on or from where the client was."""

    def __init__(
        self, resources: Resources, owner: str, after: str | None, device: str | None
    ) -> None:
        self._resources = resources
        self._device = device
        self._owner = owner
        self._after = after

    def frames(self) -> Generator[str]:
        """The stream, frame by frame, until the client leaves."""
        hub, stream = self._resources.hub, owner_stream(self._owner)
        with hub.subscribe(stream, self._owner) as (events, now):
            yield RETRY
            last = self._after or now
            # Without it a client that loses its first connection early would not know where it was.
            yield f"id: {last}\n\n"
            yield from self._trimmed(stream)
            for entry in hub.history(stream, last):
                last = entry.id
                yield lasting_frame(self._resources, entry)
            for item in ticks(self._resources, events, last, self._device):
                if isinstance(item, Entry):
                    yield lasting_frame(self._resources, item)
                elif isinstance(item, str):
                    yield item
                else:
                    yield frame(item)

    def _trimmed(self, stream: str) -> Iterator[str]:
        """The ends of jobs whose events are gone from the stream, from the jobs' records."""
        first = self._resources.hub.trimmed_before(stream)
        if self._after is None or first is None or order(self._after) >= order(first):
            return
        since, until = milliseconds(self._after), milliseconds(first)
        before: str | None = None
        while True:
            page, before = list_jobs(
                self._resources.redis, self._owner, limit=PAGE, before=before, status=None
            )
            for record in page:
                # Both ends with a second to spare: told twice is better than not at all.
                if record.ended_at and since - 1000 <= _ms(record.ended_at) <= until + 1000:
                    yield done_frame(self._resources, record, None)
            if before is None:
                return


def begin(frames: Generator[str]) -> Iterator[str]:
    """A stream that has begun: what keeps it from beginning is raised here, as for any answer.

    Should Redis go away later the stream ends, and its client comes back.
    """
    first = next(frames)
    return chain([first], _until_redis_goes(frames))


def _until_redis_goes(frames: Generator[str]) -> Iterator[str]:
    try:
        yield from frames
    except RedisError as error:
        log.warning("An event stream ends, its client will come back: %s", error)


def ticks(
    resources: Resources, events: Subscription, last: str, device: str | None
) -> Iterator[Entry | LiveEvent | str]:
    """New events as they come, a comment every 15 s, and a farewell when the server leaves.

    Ends within a few seconds of its device being revoked.
    """
    beat, look = time.monotonic() + BEAT, time.monotonic() + LOOK
    while not events.overrun:
        if resources.hub.leaving.is_set():
            yield FAREWELL
            return
        if device is not None and time.monotonic() >= look:
            look = time.monotonic() + LOOK
            if not _may_stay(resources, device):
                yield REVOKED
                return
        item = events.next(TICK)
        if isinstance(item, Entry):
            if order(item.id) > order(last):
                last = item.id
                yield item
        elif item is not None:
            yield item
        if time.monotonic() >= beat:
            beat = time.monotonic() + BEAT
            yield COMMENT


def _may_stay(resources: Resources, device: str) -> bool:
    try:
        return devices.exists(resources.redis, device)
    except RedisError as error:
        # Nothing can be told of anything meanwhile, and a client cut off would not get back in.
        log.warning("An event stream waits for Redis: %s", error)
        return True


def lasting_frame(resources: Resources, entry: Entry) -> str:
    """A lasting event with its id; an output has its URL, the end has the whole job."""
    event = entry.event
    if isinstance(event, DoneEvent):
        record = read(resources.redis, event.job)
        if record is None:
            return frame(DoneEventView(**event.model_dump(), result=None), entry.id)
        return done_frame(resources, record, entry.id)
    if isinstance(event, OutputEvent):
        output = output_view(event.output, resources)
        return frame(OutputEventView(job=event.job, output=output), entry.id)
    return frame(event, entry.id)


def done_frame(resources: Resources, record: JobRecord, entry_id: str | None) -> str:
    """The end of a job, with the whole job as `result`."""
    result = job_view(record, resources)
    event = DoneEventView(job=record.id, status=record.status, error=record.error, result=result)
    return frame(event, entry_id)


def frame(event: Event | OutputEventView, entry_id: str | None = None) -> str:
    """One event as the text/event-stream format has it."""
    head = f"id: {entry_id}\n" if entry_id else ""
    return f"{head}event: {event.event}\ndata: {event.model_dump_json()}\n\n"


def _end_id(record: JobRecord) -> str:
    """An id for the end of a job whose stream is gone."""
    return f"{_ms(record.ended_at) if record.ended_at else 0}-0"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
