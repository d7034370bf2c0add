"""The events of an addition, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any, Literal, cast

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from jobs.additions import additions
from jobs.additions.additions import Bytes
from jobs.additions.found import Kind
from jobs.records.events import ENDED, Error, Status
from server.door.auth import caller, require_admin
from server.errors import Unavailable
from server.openapi import EVENT_STREAM, Parameters, Routes, content
from server.resources import resources
from server.routes.models.named import AdditionPath, find
from server.streams import stream_ids
from server.streams.hub import current_hub
from server.streams.sse import BEAT, COMMENT, FAREWELL, RETRY, begin
from server.streams.stream_ids import START

routes = Routes("addition_events", "How far additions are, as it happens.")


WAIT = 1.0
"""Seconds between two looks whether the server leaves, while nothing comes."""


class EventsHeaders(Parameters):
    """Where the client was, as an EventSource says it."""

    last_event_id: str = Field("", alias="Last-Event-ID")


class EventsQuery(Parameters):
    """Where the client was, for those that cannot set headers."""

    model_config = ConfigDict(extra="forbid")

    last_event_id: str | None = Field(None, pattern=stream_ids.PATTERN)


class AdditionStatusEvent(BaseModel):
    """It was `queued`, or is `running` now."""

    event: Literal["status"] = "status"
    addition: str
    status: Status


class AdditionProgressEvent(BaseModel):
    """More of it is here."""

    event: Literal["progress"] = "progress"
    addition: str
    progress: Bytes


class AdditionDoneEvent(BaseModel):
    """It ended; what was added is on offer by now."""

    event: Literal["done"] = "done"
    addition: str
    status: Status
    error: Error | None
    name: str | None = None
    kind: Kind | None = None


routes.describe(AdditionStatusEvent, AdditionProgressEvent, AdditionDoneEvent)


@routes.get(
    "/models/additions/<addition_id>/events",
    {
        200: content("Events `status`, `progress` and `done`, with JSON as data.", EVENT_STREAM),
        204: {"description": "Last-Event-ID is its end: nothing follows, do not come back."},
    },
    (403, 404, 422),
)
def addition_events(path: AdditionPath, header: EventsHeaders, query: EventsQuery) -> Response:
    """Follow an addition

    All its events so far, then each as it comes; the stream ends after `done`. An admin may.
    """
    require_admin()
    addition = find(path.addition_id)
    given = (header.last_event_id, query.last_event_id)
    after = next((each for each in given if each and stream_ids.is_id(each)), START)
    redis = resources().redis
    ended = addition.status in ENDED and after != START
    if ended and not _entries(redis, addition.id, after, block=False):
        return Response(status=204)
    if request.method == "HEAD":
        return Response(content_type=EVENT_STREAM)
    hub, who = current_hub(), caller().account
    if not hub.take_seat(who):
        raise Unavailable("too-many-streams", hub.why_no_seat(who))
    frames = _frames(redis, addition.id, after, hub.leaving.is_set)
    try:
        told = Response(
            begin(frames), headers={"X-Accel-Buffering": "no"}, content_type=EVENT_STREAM
        )
    except BaseException:
        hub.give_seat_back(who)
        raise
    told.call_on_close(frames.close)
    told.call_on_close(lambda: hub.give_seat_back(who))
    return told


def _frames(redis: Redis, addition_id: str, after: str, leaving: Any) -> Generator[bytes]:
    yield RETRY
    beat = time.monotonic() + BEAT
    while not leaving():
        for entry, event in _entries(redis, addition_id, after, block=True):
            after = entry
            yield f"id: {entry}\nevent: {event['event']}\ndata: {json.dumps(event)}\n\n".encode()
            if event["event"] == "done" and _is_over(redis, addition_id):
                return
        if time.monotonic() >= beat:
            beat = time.monotonic() + BEAT
            yield COMMENT
            if _is_over(redis, addition_id):
                return
    yield FAREWELL


def _entries(
    redis: Redis, addition_id: str, after: str, *, block: bool
) -> list[tuple[str, dict[str, Any]]]:
    key = additions.stream(addition_id)
    wait = int(WAIT * 1000) if block else None
    reply: Any = redis.xread({key: after}, count=200, block=wait)
    page: list[tuple[bytes, dict[bytes, bytes]]] = [
        entry for _, entries in cast("list[tuple[bytes, Any]]", reply or []) for entry in entries
    ]
    return [(entry.decode(), json.loads(fields[b"event"])) for entry, fields in page]


def _is_over(redis: Redis, addition_id: str) -> bool:
    """Not where it was resumed: then more follows."""
    addition = additions.read(redis, addition_id)
    return addition is None or addition.status in ENDED
