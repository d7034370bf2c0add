"""Asking about a model: a question waits, within bounds, until a worker that has it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.additions import errands, studies
from jobs.additions.errands import NoAnswer, Question, Refusal
from jobs.records.workers import live
from jobs.request.request import FieldError, InvalidRequest
from server.door.auth import caller
from server.errors import ApiError, Unavailable
from server.resources import resources
from server.seats import Seats

SECONDS = 50.0
"""For which a question may wait for its model, which may have to be loaded, and be worked on."""

SEATS = Seats(24, 8)
"""Questions that wait for their answers at once in this process, and those of one caller: each
takes a thread."""

CODES = {404: "not-found", 409: "not-made", 503: "not-now"}


def ask(
    model: str,
    question: Question,
    asked: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a worker that has the model says. Raises what it refuses, and a 503."""
    redis, place, who = resources().redis, studies.place_of(model), caller()
    if not any(model == each.name for worker in live(redis) for each in worker.models):
        raise Unavailable("no-worker", f"no live worker offers {model}")
    if errands.waiting(redis, place) >= studies.WAITING or not SEATS.take(who.account):
        raise Unavailable("busy", "too many look into models just now; ask again in a moment")
    fields = {"model": model, "caller": who.lane, "asked": dict(asked), **(more or {})}
    try:
        return errands.ask(redis, place, question, fields, SECONDS)
    except NoAnswer:
        raise Unavailable("no-answer", "no worker answered in time; ask again") from None
    except Refusal as refusal:
        raise _problem(refusal) from None
    finally:
        SEATS.give_back(who.account)


def wrong(field: str, detail: str) -> InvalidRequest:
    """The caller gets 422 for this field, or for none where it is empty."""
    return InvalidRequest([FieldError(pointer=f"/{field}" if field else "", detail=detail)])


def _problem(refusal: Refusal) -> Exception:
    if refusal.status == 503:
        return Unavailable(CODES[503], refusal.detail)
    if refusal.status == 422:
        return wrong(refusal.field, refusal.detail)
    return ApiError(refusal.status, CODES.get(refusal.status, "internal-error"), refusal.detail)
