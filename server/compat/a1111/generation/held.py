"""A request of this API holds its job until that has ended, as long as its client would wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from flask import request

from jobs.queue import queue
from jobs.records.events import ENDED
from jobs.records.record import JobRecord
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import GenerationRequest
from server.compat import waiting
from server.compat.a1111.callers import Identity
from server.errors import ApiError
from server.looks import current_looks
from server.requests.submission import submit
from server.resources import resources

PATIENCE = 600.0
"""Seconds that a request is held; clients of this API wait longer than others."""

OKHTTP_PATIENCE = 110.0
"""The same for the apps of telephones, whose HTTP library is set to give up after 120 s."""


def make(
    asked: GenerationRequest,
    parts: Mapping[str, bytes],
    cards: list[ModelCard],
    who: Identity,
    notes: Sequence[Note] = (),
) -> JobRecord:
    """The caller's job once it has ended, canceled or not.

    `parts` has the bytes of its pictures by the JSON pointers of their fields, `notes` say what of
    the client's own fields is done otherwise. Raises InvalidRequest, and what else the client is
    to be told.
    """
    job_id = queue.new_job_id()
    who.begins(job_id)
    try:
        record = submit(asked, parts, cards=cards, job_id=job_id, notes=notes)
    except Exception:
        who.forget(job_id)
        raise
    return _ended(record, who)


def _ended(record: JobRecord, who: Identity) -> JobRecord:
    limit = patience()
    _refuse_in_vain(record, who, limit)
    record = waiting.wait(record, limit)
    if record.status not in ENDED:
        detail = (
            f"the picture was not ready after {limit:.0f} s; job {record.id} goes on, and what it "
            "makes will be among the pictures of the page"
        )
        raise ApiError(504, "not-ready", detail)
    who.forget(record.id)
    if record.error is not None:
        raise ApiError(500, record.error.code, record.error.detail)
    return record


def patience() -> float:
    """Seconds after which the client that sent this request would hear no answer."""
    is_okhttp = request.headers.get("User-Agent", "").lower().startswith("okhttp/")
    return OKHTTP_PATIENCE if is_okhttp else PATIENCE


def _refuse_in_vain(record: JobRecord, who: Identity, limit: float) -> None:
    """Say at once what the client would not wait to hear, instead of making it for nobody."""
    redis = resources().redis
    seconds = current_looks().now([record]).eta(record)
    if seconds is None or seconds <= limit:
        return
    queue.cancel(redis, record.id)
    who.forget(record.id)
    detail = (
        f"the picture would be ready in about {ceil(seconds)} s, and this client waits "
        f"{limit:.0f} s; it was canceled, so send it again later"
    )
    raise ApiError(503, "too-long", detail, headers={"Retry-After": str(ceil(seconds - limit))})
