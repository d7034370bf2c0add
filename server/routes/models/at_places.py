"""Asking the workers that keep the models: the API itself has none of their disks."""

from __future__ import annotations

from typing import Any

from jobs.additions import errands
from jobs.additions.errands import Action, NoAnswer, Refusal
from jobs.additions.found import SECTIONS, Kind
from jobs.records.workers import WorkerInfo, live
from jobs.request.request import FieldError
from jobs.sentences import say
from server.errors import ApiError, Unavailable
from server.resources import resources

SECONDS = 40.0
"""For which a worker may look things up: a hub answers in one, Civitai in ten."""

CODES = {404: "not-found", 409: "conflict", 422: "not-addable", 503: "source-unavailable"}


def keepers() -> dict[str, WorkerInfo]:
    """By each place with models a worker of it, the one with the most room first."""
    found = {each.place: each for each in live(resources().redis) if each.place}
    return dict(sorted(found.items(), key=lambda item: -(item[1].free_bytes or 0)))


def place_of(worker: str | None) -> str:
    """The place of a worker; without a name the one with the most room.

    Raises a 404 for a worker that there is none of, and a 503 where none could do it.
    """
    there = keepers()
    if worker is not None:
        named = next((w for w in live(resources().redis) if w.name == worker), None)
        if named is None:
            raise ApiError(404, "not-found", f"there is no worker {worker[:64]!r}")
        there = {named.place: named} if named.place else {}
    if not there:
        raise Unavailable(
            "no-worker",
            say(
                "no-keeper",
                "no worker is alive that can write to its folder of models, DATA/models",
            ),
        )
    return next(iter(there))


def places_with(kind: Kind, name: str) -> list[str]:
    """The places whose workers know something of this name. Raises a 404 and a 503."""
    there = keepers()
    if not there:
        place_of(None)
    having = [place for place, worker in there.items() if _knows(worker, kind, name)]
    if having:
        return having
    # What fits no model of a worker is on no card, so each is asked.
    if kind != "model":
        return list(there)
    raise ApiError(404, "not-found", f"no worker has a model {name[:64]!r}")


def ask(place: str, action: Action, fields: dict[str, Any]) -> dict[str, Any]:
    """What the worker of a place says. Raises what it refuses as a problem, and a 503."""
    try:
        return errands.ask(resources().redis, place, action, fields, SECONDS)
    except NoAnswer:
        raise Unavailable(
            "no-answer", say("no-answer", "no worker answered in time; ask again")
        ) from None
    except Refusal as refusal:
        raise problem_of(refusal) from None


def ask_all(places: list[str], action: Action, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """What the workers of some places say; those that know nothing of it are passed over.

    Raises what one refuses, and a 404 where none knows it.
    """
    answers: list[dict[str, Any]] = []
    missing: ApiError | None = None
    for place in places:
        try:
            answers.append(ask(place, action, fields))
        except ApiError as error:
            if error.status != 404:
                raise
            missing = error
    if not answers and missing is not None:
        raise missing
    return answers


def problem_of(refusal: Refusal) -> ApiError:
    """A refusal as the caller sees it."""
    if refusal.status == 503:
        return Unavailable(CODES[503], refusal.detail)
    errors = []
    if refusal.field and refusal.status == 422:
        errors = [FieldError(pointer=f"/{refusal.field}", detail=refusal.detail)]
    code = CODES.get(refusal.status, "internal-error")
    return ApiError(refusal.status, code, refusal.detail, errors=errors)


def _knows(worker: WorkerInfo, kind: Kind, name: str) -> bool:
    if kind == "model":
        return name in worker.known or any(card.name == name for card in worker.models)
    each = (one for card in worker.models for one in getattr(card, SECTIONS[kind]))
    return any(one.name == name for one in each)
