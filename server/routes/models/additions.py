"""Adding models from the hub, Civitai, a link or an upload: what, how far, until when."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from jobs.additions import additions, errands
from jobs.additions.additions import Addition, Bytes, NameTaken, NotNow
from jobs.additions.found import Found, Kind, SearchPage
from jobs.records.events import ENDED, Error, Status
from server.door.auth import caller, require_admin
from server.errors import ApiError, Unavailable
from server.openapi import EVENT_STREAM, PREFIX, Parameters, Routes, answer, content, response
from server.resources import resources
from server.routes.models.at_places import ask, place_of
from server.streams import stream_ids
from server.streams.hub import current_hub
from server.streams.sse import BEAT, COMMENT, FAREWELL, RETRY, begin
from server.streams.stream_ids import START

routes = Routes("additions", "Models from the hub, from Civitai, from a link or an upload.")

FULL = "every event stream that this server can hold, or holds for one caller, is taken"

WAIT = 1.0
"""Seconds between two looks whether the server leaves, while nothing comes."""

Source = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="A hub id such as `stabilityai/sd-turbo`, with `@revision` or `/file` if "
        "wanted; a link to the hub, to Civitai or to a file, with https; or `upload:ID`.",
    ),
]
Name = Annotated[
    str | None,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="The name that it is to go by; null makes one of its file's.",
    ),
]


class AdditionPath(BaseModel):
    """An addition in the path."""

    addition_id: str = Field(description="Id of the addition.")


class LookupRequest(BaseModel):
    """What might be added."""

    model_config = ConfigDict(extra="forbid")

    source: Source


class AdditionRequest(BaseModel):
    """What is to be added."""

    model_config = ConfigDict(extra="forbid")

    source: Source
    name: Name = None
    kind: Kind | None = Field(None, description="What it must be; null is what its header says.")
    title: str | None = Field(None, max_length=200, description="Name for people.")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-fA-F]{64}$", description="What its one file must come to."
    )
    worker: str | None = Field(
        None,
        max_length=200,
        description="On whose machine; null is the one with the most room.",
    )


class AdditionUrls(BaseModel):
    """Where to go on from an addition."""

    model_config = ConfigDict(serialize_by_alias=True)

    itself: str = Field(alias="self")
    events: str
    cancel: str
    resume: str


class AdditionView(BaseModel):
    """Something that is being added, was, or was not."""

    id: str
    source: str = Field(description="Without what opens it: a query of a link may be a secret.")
    name: str
    kind: Kind | None = Field(description="Null where it shows once the files are here.")
    status: Status
    progress: Bytes
    error: Error | None = Field(description="Why it failed; resuming goes on from its bytes.")
    created_at: datetime
    finished_at: datetime | None
    urls: AdditionUrls


class AdditionList(BaseModel):
    """What is and was added, the newest first."""

    additions: list[AdditionView]


class SearchQuery(Parameters):
    """What is looked for, and where."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", max_length=200, description="Words of its name.")
    where: Literal["hub", "civitai"] = "hub"
    kind: Kind | None = Field(None, description="Only of this kind.")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before.")


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


@routes.post("/models/lookups", {200: Found}, (400, 415, 422))
def look_up(body: LookupRequest) -> dict[str, Any]:
    """See what would be added

    Files, size, licence and family, before anything is fetched; of an upload as soon as its header
    is here. 422 says why there is nothing that could be added; what is there and cannot be used
    here has `usable: false`. An admin may.
    """
    require_admin()
    said = ask(place_of(None), "look-up", {"source": body.source, "to_add": False})
    return answer(Found.model_validate(said["found"]))


@routes.get("/models/search", {200: SearchPage}, (403, 422))
def search_models(query: SearchQuery) -> dict[str, Any]:
    """Search the hub or Civitai

    503 where there is no internet, or search is switched off. An admin may.
    """
    require_admin()
    asked = {"words": query.q, "where": query.where, "kind": query.kind, "cursor": query.cursor}
    return answer(SearchPage.model_validate(ask(place_of(None), "search", asked)))


@routes.post("/models/additions", {202: AdditionView}, (400, 404, 409, 415, 422))
def add_model(body: AdditionRequest) -> Response:
    """Add a model

    It is looked up as by `POST /models/lookups`, then fetched by a worker in the background,
    checked, and offered as a dropped file is. An admin may.
    """
    require_admin()
    place = place_of(body.worker)
    asked = {"source": body.source, "kind": body.kind, "name": body.name, "to_add": True}
    said = ask(place, "look-up", asked)
    found, plan = Found.model_validate(said["found"]), said["plan"]
    if not found.usable:
        raise ApiError(422, "not-addable", str(found.reason))
    if said["taken"]:
        raise _taken(f"something is named {found.name} already; give it another name")
    if body.sha256 is not None:
        if len(plan["files"]) != 1:
            raise ApiError(422, "not-addable", "sha256 is for one file, and this has several")
        plan["files"][0]["sha256"] = body.sha256.lower()
    if body.title:
        plan["said"]["title"] = body.title
    try:
        addition = additions.create(
            resources().redis,
            source=found.source,
            name=found.name,
            kind=body.kind or found.kind,
            place=place,
            total=found.bytes,
            plan=plan,
        )
    except NameTaken as error:
        raise _taken(str(error)) from None
    errands.tell(resources().redis, place, "wake")
    return response(_view(addition), 202, {"Location": _url(addition.id)})


@routes.get("/models/additions", {200: AdditionList}, (403,))
def list_additions() -> dict[str, Any]:
    """List additions

    Those under way and the last two hundred, the newest first. An admin may.
    """
    require_admin()
    found = additions.every(resources().redis)
    return answer(AdditionList(additions=[_view(each) for each in found]))


@routes.get("/models/additions/<addition_id>", {200: AdditionView}, (403, 404))
def get_addition(path: AdditionPath) -> dict[str, Any]:
    """Get an addition

    An admin may.
    """
    require_admin()
    return answer(_view(_find(path.addition_id)))


@routes.delete("/models/additions/<addition_id>", {204: None}, (403, 404, 409))
def forget_addition(path: AdditionPath) -> Response:
    """Forget an addition

    And what is here of one that failed or was canceled; what was added stays. 409 while it goes
    on. An admin may.
    """
    require_admin()
    addition = _find(path.addition_id)
    if addition.status not in ENDED or not additions.forget(resources().redis, addition):
        raise ApiError(409, "conflict", "it goes on; cancel it first")
    errands.tell(resources().redis, addition.place, "forget")
    return Response(status=204)


@routes.post("/models/additions/<addition_id>/cancel", {200: AdditionView}, (403, 404))
def cancel_addition(path: AdditionPath) -> dict[str, Any]:
    """Cancel an addition

    What is here of it stays for a day, so that it may be resumed. One that has ended stays as it
    is. An admin may.
    """
    require_admin()
    addition = additions.cancel(resources().redis, path.addition_id)
    if addition is None:
        raise _unknown(path.addition_id)
    return answer(_view(addition))


@routes.post("/models/additions/<addition_id>/resume", {202: AdditionView}, (403, 404, 409))
def resume_addition(path: AdditionPath) -> Response:
    """Resume an addition

    After it failed or was canceled it goes on from the bytes that are here. An admin may.
    """
    require_admin()
    try:
        addition = additions.resume(resources().redis, path.addition_id)
    except NotNow as error:
        raise ApiError(409, "conflict", str(error)) from None
    except NameTaken as error:
        raise _taken(str(error)) from None
    if addition is None:
        raise _unknown(path.addition_id)
    errands.tell(resources().redis, addition.place, "wake")
    return response(_view(addition), 202, {"Location": _url(addition.id)})


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
    addition = _find(path.addition_id)
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
        raise Unavailable("too-many-streams", FULL)
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


def _find(addition_id: str) -> Addition:
    addition = additions.read(resources().redis, addition_id)
    if addition is None:
        raise _unknown(addition_id)
    return addition


def _view(addition: Addition) -> AdditionView:
    url = _url(addition.id)
    return AdditionView(
        id=addition.id,
        source=addition.source,
        name=addition.name,
        kind=addition.kind,
        status=addition.status,
        progress=addition.progress,
        error=addition.error,
        created_at=addition.created_at,
        finished_at=addition.finished_at,
        urls=AdditionUrls(
            self=url, events=f"{url}/events", cancel=f"{url}/cancel", resume=f"{url}/resume"
        ),
    )


def _url(addition_id: str) -> str:
    return f"{PREFIX}/models/additions/{addition_id}"


def _unknown(addition_id: str) -> ApiError:
    return ApiError(404, "not-found", f"there is no addition {addition_id[:64]!r}")


def _taken(detail: str) -> ApiError:
    return ApiError(409, "name-taken", detail)
