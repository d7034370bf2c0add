"""Jobs: create, get, list, cancel, delete."""

from __future__ import annotations

import base64
import binascii
import logging
from math import ceil
from typing import Literal, Self
from urllib.parse import urlencode

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from redis.exceptions import RedisError

from jobs.lists import listing
from jobs.queue import idempotency, places, queue
from jobs.queue.places import NotWaiting, OtherLane
from jobs.records.events import ENDED, Status
from jobs.records.record import JobRecord, read
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.sentences import say
from jobs.webhooks.messages import check_receiver
from jobs.webhooks.outbox import Hook
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import Parameters, Routes, response
from server.requests import prefer
from server.requests.body import request_body
from server.requests.deleting import delete_with_pictures
from server.requests.named import JobPath, find_job, no_such_job
from server.requests.reaching import reachable_base
from server.requests.submission import known_models, submit
from server.resources import resources
from server.streams.following import follow
from server.streams.hub import current_hub
from server.views import JobList, JobView, current_views, job_url, public_base

log = logging.getLogger(__name__)

routes = Routes("jobs", "Pictures to be made.")


class CreateHeaders(Parameters):
    """Headers that change how a job is created."""

    prefer: str = Field(
        "", alias="Prefer", description="`wait=30`: answer 200 if it is done in 30 s (at most 60)."
    )
    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=idempotency.MAX_KEY,
        description="The same key and body within a day are the same job, however often they "
        "come; 409 once it was deleted.",
    )


class ListQuery(Parameters):
    """Which jobs, and how many."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = Field(None, description="Only jobs of this status.")
    limit: int = Field(20, ge=1, le=100, description="Jobs on a page.")
    q: str = Field(
        "", max_length=200, description="Only jobs whose prompt has these words, or parts of words."
    )
    owner: str | None = Field(
        None,
        pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,31})$",
        description="For an admin: whose jobs, `*` for everybody's. Yours if left out.",
    )
    cursor: str | None = Field(
        None, max_length=200, description="The `next_cursor` of the page before."
    )


@routes.post("/jobs", {200: JobView, 202: JobView}, (400, 408, 409, 413, 415, 422, 429, 503))
def create_job(header: CreateHeaders, body: GenerationRequest) -> Response:
    """Create a job

    202 once the job is kept: it will reach an end whatever is killed or restarted meanwhile.
    With `Prefer: wait=n`, 200 if it has ended by then. Pictures come as data URIs, as files of a
    multipart body, or by the id of an earlier picture of yours. A body that is a picture with its
    recipe makes that picture again.
    """
    here, who, sent = resources(), caller(), request_body()
    cards = known_models()
    new_id, key = queue.new_job_id(), header.idempotency_key
    job_id = new_id
    if key is not None:
        job_id = idempotency.job_id_for(here.redis, who.owner, key, sent.identity, new_id)
    if job_id != new_id:
        if (earlier := read(here.redis, job_id)) is not None:
            return _created(earlier, prefer.wait(header.prefer))
        if idempotency.is_buried(here.redis, job_id):
            detail = "the job that this Idempotency-Key made was deleted; a new one needs a new key"
            raise ApiError(409, "deleted", detail)
    try:
        record = submit(
            body,
            sent.parts,
            cards=cards,
            job_id=job_id,
            keyed=key is not None,
            hook=_hook(body),
            notes=sent.notes,
        )
    except InvalidRequest:
        if key is not None:
            idempotency.forget(here.redis, who.owner, key)
        raise
    return _created(record, prefer.wait(header.prefer))


def _hook(body: GenerationRequest) -> Hook | None:
    """Who is to be told of the job. Raises InvalidRequest where nobody may be told there."""
    asked = body.webhook
    if asked is None:
        return None
    check_receiver(asked)
    # A phone that is told is another device than one that asked on this machine.
    base = reachable_base() if asked.format == "ntfy" else public_base()
    return Hook(asked.url, tuple(asked.events), asked.format, base)


def _created(record: JobRecord, seconds: int | None) -> Response:
    hub, views = current_hub(), current_views()
    headers = {"Location": job_url(record.id), "Retry-After": str(queue.RETRY_AFTER)}
    try:
        # With all seats taken the wish is not granted, which a preference allows for.
        if seconds is not None and hub.take_seat(caller().account):
            headers["Preference-Applied"] = f"wait={seconds}"
            record = _wait(record, seconds)
        view = views.job(record)
    except RedisError as error:
        # Redis went away after the job was kept, so the caller is not told to send it again.
        log.warning("Job %s was accepted, and Redis does not answer since: %s", record.id, error)
        return response(views.job(record, placed=False), 202, headers)
    if seconds is not None and view.status in ENDED:
        del headers["Retry-After"]
        return response(view, 200, headers)
    headers["Retry-After"] = str(min(60, max(1, ceil(view.eta_s or 0))))
    return response(view, 202, headers)


def _wait(record: JobRecord, seconds: int) -> JobRecord:
    hub, redis = current_hub(), resources().redis
    try:
        for _ in follow(hub, redis, record, seconds, live=False):
            pass
    finally:
        hub.give_seat_back(caller().account)
    return read(redis, record.id) or record


@routes.get("/jobs", {200: JobList}, (403, 422, 503))
def list_jobs(query: ListQuery) -> Response:
    """List jobs, newest first

    A page may hold fewer jobs than `limit` and still have a `next_cursor`.
    """
    views, owner = current_views(), query.owner or caller().owner
    if not caller().sees(owner):
        raise ApiError(403, "admin-only", "only an admin lists the jobs of others")
    before = _decode(query.cursor) if query.cursor else None
    records, last = listing.list_jobs(
        resources().redis,
        None if owner == "*" else owner,
        limit=query.limit,
        before=before,
        status=query.status,
        search=query.q,
    )
    cursor = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=") if last else None
    view = JobList(jobs=views.jobs(records), next_cursor=cursor)
    headers: dict[str, str] = {}
    if cursor:
        wanted = query.model_dump(exclude_defaults=True, exclude={"cursor"})
        url = f"{request.path}?{urlencode({**wanted, 'cursor': cursor})}"
        headers["Link"] = f'<{url}>; rel="next"'
    return response(view, 200, headers)


@routes.get("/jobs/<job_id>", {200: JobView}, (404, 503))
def get_job(path: JobPath) -> Response:
    """Get a job"""
    return response(current_views().job(find_job(path.job_id)), 200)


@routes.post("/jobs/<job_id>/cancel", {200: JobView}, (404, 503))
def cancel_job(path: JobPath) -> Response:
    """Cancel a job

    A queued job ends at once, a running one within one denoising step; one that has ended stays
    as it is. To cancel twice is to cancel once.
    """
    find_job(path.job_id)
    record = queue.cancel(resources().redis, path.job_id)
    if record is None:
        raise no_such_job(path.job_id)
    return response(current_views().job(record), 200)


class Place(BaseModel):
    """Where in the queue a job is to wait: one of these."""

    model_config = ConfigDict(extra="forbid")

    to: Literal["first", "last"] | None = Field(
        None, description="First or last of the jobs that wait for the same."
    )
    before: str | None = Field(None, description="Id of the job before which it is to wait.")
    after: str | None = Field(None, description="Id of the job after which it is to wait.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.to, self.before, self.after)) != 1:
            raise ValueError(say("one-place", "must have one of `to`, `before` and `after`"))
        return self


@routes.post("/jobs/<job_id>/position", {200: JobView}, (400, 404, 408, 409, 413, 415, 422, 503))
def move_job(path: JobPath, body: Place) -> Response:
    """Move a waiting job in the queue

    Among the jobs that wait for the same: the same caller's, for the same model, with the same
    priority. When another caller's turn comes is not changed by it. 409 where the job runs already
    or has ended. To move twice to the same place is to move once.
    """
    record = find_job(path.job_id)
    where = body.to or ("before" if body.before is not None else "after")
    beside = body.before if body.before is not None else body.after
    try:
        places.move(resources().redis, record, where, _beside(where, beside))
    except NotWaiting as error:
        raise ApiError(409, "not-waiting", str(error)) from error
    except OtherLane as error:
        detail = [FieldError(pointer=f"/{where}", detail=str(error))]
        raise InvalidRequest(detail) from error
    return response(current_views().job(record), 200)


def _beside(where: str, job_id: str | None) -> JobRecord | None:
    """The job that is named beside another. Raises InvalidRequest where there is none."""
    if job_id is None:
        return None
    try:
        return find_job(job_id)
    except ApiError as error:
        raise InvalidRequest([FieldError(pointer=f"/{where}", detail=error.detail)]) from error


@routes.delete("/jobs/<job_id>", {204: None}, (404, 503))
def delete_job(path: JobPath) -> tuple[str, int]:
    """Delete a job and its pictures

    One that has not ended is canceled first.
    """
    delete_with_pictures(find_job(path.job_id))
    return "", 204


def _decode(cursor: str) -> str:
    try:
        job_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        job_id = ""
    if not job_id.isalnum():
        detail = "is not a cursor that this server gave"
        raise InvalidRequest([FieldError(pointer="/cursor", detail=detail)])
    return job_id
