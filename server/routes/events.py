"""Events: server-sent events of one job or of all, resumable with Last-Event-ID."""

from __future__ import annotations

from collections.abc import Generator

from flask import Response, request
from pydantic import ConfigDict, Field

from jobs.records.events import PreviewEvent, ProgressEvent, StatusEvent, TraceEvent
from server.door.auth import caller
from server.errors import Unavailable
from server.openapi import EVENT_STREAM, Parameters, Routes, content
from server.requests.named import JobPath, find_job
from server.resources import resources
from server.streams import stream_ids
from server.streams.hub import current_hub
from server.streams.sse import Feed, JobStream, OwnerStream, begin
from server.views import DoneEventView, OutputEventView, current_views

TOLD = (
    "Events `status`, `progress`, `preview`, `trace`, `output` and `done`, each with JSON as its "
    "data."
)


routes = Routes("events", "What happens, as it happens.")


routes.describe(
    StatusEvent, ProgressEvent, PreviewEvent, TraceEvent, OutputEventView, DoneEventView
)


class EventsHeaders(Parameters):
    """Where the client was, as an EventSource says it."""

    last_event_id: str = Field(
        "",
        alias="Last-Event-ID",
        description="Id of the last event that was received; what came after it follows.",
    )


class EventsQuery(Parameters):
    """Where the client was, for those that cannot set headers."""

    model_config = ConfigDict(extra="forbid")

    last_event_id: str | None = Field(
        None, pattern=stream_ids.PATTERN, description="The same as the header Last-Event-ID."
    )


@routes.get(
    "/jobs/<job_id>/events",
    {
        200: content(TOLD, EVENT_STREAM),
        204: {"description": "Last-Event-ID is the job's end: nothing follows, do not come back."},
    },
    (404, 422, 503),
)
def job_events(path: JobPath, header: EventsHeaders, query: EventsQuery) -> Response:
    """Follow a job

    All its events so far, then each as it comes; the stream ends after `done`.
    """
    stream = JobStream(_feed(), find_job(path.job_id), _after(header, query))
    if stream.seen_to_the_end:
        return Response(status=204)
    return _stream(stream.frames())


@routes.get(
    "/events",
    {200: content(TOLD, EVENT_STREAM)},
    (422, 503),
)
def owner_events(header: EventsHeaders, query: EventsQuery) -> Response:
    """Follow all jobs

    From now on, or from Last-Event-ID: no `done` is ever left out.
    """
    return _stream(OwnerStream(_feed(), caller().owner, _after(header, query)).frames())


def _feed() -> Feed:
    return Feed(current_hub(), resources().redis, current_views().event, caller().device_id)


def _after(header: EventsHeaders, query: EventsQuery) -> str | None:
    # The header is what an EventSource adds when it comes back, so it is the newer of the two.
    for last in (header.last_event_id, query.last_event_id):
        if last and stream_ids.is_id(last):
            return last
    return None


def _stream(frames: Generator[bytes]) -> Response:
    hub, who = current_hub(), caller().account
    headers = {"X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(headers=headers, content_type=EVENT_STREAM)
    if not hub.take_seat(who):
        raise Unavailable("too-many-streams", hub.why_no_seat(who))
    try:
        response = Response(begin(frames), headers=headers, content_type=EVENT_STREAM)
    except BaseException:
        hub.give_seat_back(who)
        raise
    response.call_on_close(frames.close)
    response.call_on_close(lambda: hub.give_seat_back(who))
    return response
