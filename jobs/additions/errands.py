"""What the API asks of the workers of a place, and their answers.

A place is one machine's folder of models, by an id that lies in it. One worker of each place takes
what is asked there. Nothing here lasts: whoever asked and got no answer asks again.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis

from jobs.connection import now
from jobs.sentences import Wording, worded, wording_of

Change = Literal["look-up", "search", "picture", "change", "delete", "wake", "forget"]
"""What is asked of a machine's folder of models."""

Question = Literal[
    "schedule", "tokenize", "forward", "autoencode", "decode", "acted", "story", "map", "segment"
]
"""What is asked of a model that a worker has loaded (`studies`), or of what a worker has for all of
its models."""

Action = Change | Question

KEPT = 60
"""Seconds for which an errand or an answer that nobody fetches is kept."""

POLL = 1.0
"""Seconds that one read waits: below what any call of Redis may take."""


class Refusal(Exception):
    """What was asked cannot be done; the sentence says why, `status` is HTTP's."""

    def __init__(self, status: int, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field


class NoAnswer(Exception):
    """No worker of the place answered in time."""


@dataclass(frozen=True)
class Errand:
    """Something that is asked; `until` is when nobody waits for it any more, by Redis's clock."""

    id: str
    action: Action
    fields: dict[str, Any]
    until: float


def ask(
    connection: Redis, place: str, action: Action, fields: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Have a worker of the place do something, and wait for what it says.

    Raises Refusal where it says that it cannot be done, and NoAnswer.
    """
    errand_id = secrets.token_hex(12)
    until = now(connection) + seconds
    said = {"id": errand_id, "action": action, "fields": fields, "until": until}
    _send(connection, place, said)
    key, end = _reply(errand_id), time.monotonic() + seconds
    while time.monotonic() < end:
        reply = cast("tuple[bytes, bytes] | None", connection.blpop([key], POLL))
        if reply is None:
            continue
        answer = cast("dict[str, Any]", json.loads(reply[1]))
        if refused := answer.get("refused"):
            wording = refused["wording"] and Wording.model_validate(refused["wording"])
            detail = worded(refused["detail"], wording)
            raise Refusal(refused["status"], detail, refused["field"])
        return answer["done"]
    raise NoAnswer("no worker answered in time")


def tell(connection: Redis, place: str, action: Literal["wake", "forget"]) -> None:
    """Have the worker of a place look at once for additions that came, or that were forgotten."""
    none: dict[str, Any] = {}
    said = {"id": "", "action": action, "fields": none, "until": now(connection) + KEPT}
    _send(connection, place, said)


def take(connection: Redis, *places: str) -> Errand | None:
    """The next errand of these places; None after a second in which none came."""
    queues = [_queue(place) for place in places]
    taken = cast("tuple[bytes, bytes] | None", connection.blpop(queues, POLL))
    if taken is None:
        return None
    errand = Errand(**json.loads(taken[1]))
    return errand if errand.until > now(connection) else None


def waiting(connection: Redis, place: str) -> int:
    """Errands of a place that nobody has taken yet."""
    return connection.llen(_queue(place))


def answer(connection: Redis, errand: Errand, done: dict[str, Any]) -> None:
    """Tell who asked that it is done."""
    _answer(connection, errand, {"done": done})


def refuse(connection: Redis, errand: Errand, refusal: Refusal) -> None:
    """Tell who asked that it cannot be done."""
    wording = wording_of(refusal.detail)
    told = {
        "status": refusal.status,
        "detail": refusal.detail,
        "field": refusal.field,
        "wording": wording and wording.model_dump(),
    }
    _answer(connection, errand, {"refused": told})


def _send(connection: Redis, place: str, said: dict[str, Any]) -> None:
    with connection.pipeline() as pipe:
        pipe.rpush(_queue(place), json.dumps(said))
        pipe.expire(_queue(place), KEPT)
        pipe.execute()


def _answer(connection: Redis, errand: Errand, said: dict[str, Any]) -> None:
    if not errand.id:
        return
    with connection.pipeline() as pipe:
        pipe.rpush(_reply(errand.id), json.dumps(said))
        pipe.expire(_reply(errand.id), KEPT)
        pipe.execute()


def _queue(place: str) -> str:
    return f"darkroom:errands:{place}"


def _reply(errand_id: str) -> str:
    return f"darkroom:errand:{errand_id}"
