"""Adding models from the hub, Civitai, a link or an upload: what, how far, until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.additions import additions, errands
from jobs.additions.additions import Addition, Bytes, NameTaken, NotNow
from jobs.additions.found import Found, Kind
from jobs.records.events import ENDED, Error, Status
from jobs.sentences import say, worded
from server.door.auth import require_admin
from server.errors import ApiError
from server.openapi import PREFIX, Routes, answer, response
from server.resources import resources
from server.routes.models.at_places import ask, place_of
from server.routes.models.named import AdditionPath, Source, find, unknown

routes = Routes("additions", "Models from the hub, from Civitai, from a link or an upload.")

Name = Annotated[
    str | None,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="The name that it is to go by; null makes one of its file's.",
    ),
]


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
        raise ApiError(422, "not-addable", worded(str(found.reason), found.wording))
    if said["taken"]:
        raise _taken(
            say(
                "name-taken",
                "something is named {name} already; give it another name",
                name=found.name,
            )
        )
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
    return answer(_view(find(path.addition_id)))


@routes.delete("/models/additions/<addition_id>", {204: None}, (403, 404, 409))
def forget_addition(path: AdditionPath) -> Response:
    """Forget an addition

    And what is here of one that failed or was canceled; what was added stays. 409 while it goes
    on. An admin may.
    """
    require_admin()
    addition = find(path.addition_id)
    if addition.status not in ENDED or not additions.forget(resources().redis, addition):
        raise ApiError(409, "conflict", say("goes-on", "it goes on; cancel it first"))
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
        raise unknown(path.addition_id)
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
        raise unknown(path.addition_id)
    errands.tell(resources().redis, addition.place, "wake")
    return response(_view(addition), 202, {"Location": _url(addition.id)})


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


def _taken(detail: str) -> ApiError:
    return ApiError(409, "name-taken", detail)
