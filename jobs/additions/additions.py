"""Additions: files of a model on their way here, from the first byte to the catalogue, in Redis.

The record's `state` is its status and the number of its run. Whoever changes something says which
state that belongs to, so a run that was canceled, or is older than another, changes nothing more.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import BaseModel, Field
from redis import Redis
from redis.client import Pipeline

from jobs.additions.found import Kind
from jobs.connection import now
from jobs.records.events import ENDED, Error, Status
from jobs.records.once import run_if_new, run_if_still
from jobs.sentences import say

INDEX = "darkroom:additions"
"""Sorted set: ids by the time of their creation."""

OPEN = "darkroom:additions:open"
"""Set: ids of those that have not ended."""

NAMES = "darkroom:additions:names"
"""Hash: place, section and name -> the open addition that will have it."""

KEPT = 200
"""Additions that are listed; older ones that have ended are forgotten."""

EVENTS = 400
"""Entries of an addition's stream; of progress the last are enough."""


class NameTaken(Exception):
    """Something of this name is on its way there already."""


class NotNow(Exception):
    """This cannot be done to the addition as it stands; the message says how that is."""


class Bytes(BaseModel):
    """How much of an addition is here."""

    bytes: int
    total: int | None = Field(description="Null where its source does not say.")
    fraction: float | None = Field(description="0 to 1; null where the total is not known.")


class Addition(BaseModel):
    """Something that is being added, was, or was not. `plan` is what its worker goes by."""

    id: str
    source: str
    name: str
    kind: Kind | None
    place: str
    run: int
    status: Status
    bytes: int
    total: int | None
    error: Error | None
    created_at: datetime
    finished_at: datetime | None
    plan: dict[str, Any]

    @property
    def progress(self) -> Bytes:
        """How much of it is here."""
        fraction = min(1.0, self.bytes / self.total) if self.total else None
        return Bytes(
            bytes=self.bytes,
            total=self.total,
            fraction=None if fraction is None else round(fraction, 4),
        )

    @property
    def state(self) -> str:
        """Its status and run, as the record has them."""
        return f"{self.status}:{self.run}"


def create(
    connection: Redis,
    *,
    source: str,
    name: str,
    kind: Kind | None,
    place: str,
    total: int | None,
    plan: dict[str, Any],
) -> Addition:
    """Add something at a place. Raises NameTaken."""
    addition_id = secrets.token_hex(12)
    created = now(connection)
    if not connection.hsetnx(NAMES, _name(place, kind, name), addition_id):
        raise NameTaken(say("being-added", "{name} is being added already", name=name))
    with connection.pipeline() as pipe:
        record = {
            "source": source,
            "name": name,
            "kind": kind or "",
            "place": place,
            "state": "queued:1",
            "bytes": 0,
            "total": "" if total is None else total,
            "created": created,
            "plan": json.dumps(plan),
        }
        pipe.hset(_key(addition_id), mapping=cast(Any, record))
        pipe.zadd(INDEX, {addition_id: created})
        pipe.sadd(OPEN, addition_id)
        _publish(pipe, addition_id, {"event": "status", "status": "queued"})
        run_if_new(connection, _key(addition_id), pipe)
    _forget_old(connection)
    made = read(connection, addition_id)
    assert made is not None
    return made


def read(connection: Redis, addition_id: str) -> Addition | None:
    """An addition; None where there is none of this id."""
    said = cast("dict[bytes, bytes]", connection.hgetall(_key(addition_id)))
    return _parsed(addition_id, said) if said else None


def every(connection: Redis) -> list[Addition]:
    """All that are known, the newest first."""
    ids = cast("list[bytes]", connection.zrevrange(INDEX, 0, KEPT - 1))
    with connection.pipeline(transaction=False) as pipe:
        for each in ids:
            pipe.hgetall(_key(each.decode()))
        records = cast("list[dict[bytes, bytes]]", pipe.execute())
    return [_parsed(each.decode(), said) for each, said in zip(ids, records, strict=True) if said]


def waiting(connection: Redis, place: str) -> list[Addition]:
    """Those of a place that have not ended, the oldest first."""
    ids = [each.decode() for each in cast("set[bytes]", connection.smembers(OPEN))]
    found = [addition for each in ids if (addition := read(connection, each))]
    return sorted((each for each in found if each.place == place), key=lambda each: each.created_at)


def begin(connection: Redis, addition: Addition) -> Addition | None:
    """It runs from now on; None where it was canceled meanwhile."""
    begun = addition.model_copy(update={"status": "running"})
    if addition.status == "running":
        return begun
    with connection.pipeline() as pipe:
        pipe.hset(_key(addition.id), "state", begun.state)
        _publish(pipe, addition.id, {"event": "status", "status": "running"})
        return begun if _run(connection, addition, pipe) else None


def advance(connection: Redis, addition: Addition, count: int, total: int | None) -> bool:
    """So many of its bytes are here; False where it is not to go on."""
    changed = addition.model_copy(update={"bytes": count, "total": total})
    with connection.pipeline() as pipe:
        pipe.hset(_key(addition.id), "bytes", count)
        pipe.hset(_key(addition.id), "total", "" if total is None else total)
        progress = changed.progress.model_dump()
        _publish(pipe, addition.id, {"event": "progress", "progress": progress})
        return _run(connection, addition, pipe)


def is_to_go_on(connection: Redis, addition: Addition) -> bool:
    """Whether this run of it is still wanted."""
    state = cast("bytes | None", connection.hget(_key(addition.id), "state"))
    return state is not None and state.decode() == addition.state


def succeed(connection: Redis, addition: Addition, *, name: str, kind: Kind) -> bool:
    """It is in the catalogue, under this name."""
    with connection.pipeline() as pipe:
        pipe.hset(_key(addition.id), "name", name)
        pipe.hset(_key(addition.id), "kind", kind)
        _end(pipe, addition, "succeeded", None, now(connection), name=name, kind=kind)
        return _run(connection, addition, pipe)


def fail(connection: Redis, addition: Addition, error: Error) -> bool:
    """It failed; what is here of it stays for another run."""
    with connection.pipeline() as pipe:
        _end(pipe, addition, "failed", error, now(connection))
        return _run(connection, addition, pipe)


def cancel(connection: Redis, addition_id: str) -> Addition | None:
    """End it where it has not ended; None where there is none."""
    while True:
        addition = read(connection, addition_id)
        if addition is None or addition.status in ENDED:
            return addition
        with connection.pipeline() as pipe:
            _end(pipe, addition, "canceled", None, now(connection))
            if _run(connection, addition, pipe):
                return read(connection, addition_id)


def resume(connection: Redis, addition_id: str) -> Addition | None:
    """Let it go on from the bytes that are here; None where there is none.

    Raises NotNow where it has not ended or is here already, and NameTaken.
    """
    addition = read(connection, addition_id)
    if addition is None:
        return None
    if addition.status not in ("failed", "canceled"):
        raise NotNow(f"it is {addition.status}")
    name = _name(addition.place, addition.kind, addition.name)
    if not connection.hsetnx(NAMES, name, addition_id):
        raise NameTaken(say("being-added", "{name} is being added already", name=addition.name))
    with connection.pipeline() as pipe:
        again = addition.model_copy(update={"status": "queued", "run": addition.run + 1})
        pipe.hset(_key(addition_id), "state", again.state)
        pipe.hdel(_key(addition_id), "error", "finished")
        pipe.sadd(OPEN, addition_id)
        _publish(pipe, addition_id, {"event": "status", "status": "queued"})
        if not _run(connection, addition, pipe):
            raise NotNow("somebody else did something to it meanwhile")
    return read(connection, addition_id)


def forget(connection: Redis, addition: Addition) -> bool:
    """Drop the record of one that has ended; False where it goes on again."""
    with connection.pipeline() as pipe:
        pipe.zrem(INDEX, addition.id)
        pipe.delete(_key(addition.id), stream(addition.id))
        return _run(connection, addition, pipe)


def stream(addition_id: str) -> str:
    """The stream of an addition's events; each entry has one as JSON, and its id is the SSE id."""
    return f"{_key(addition_id)}:events"


def _end(
    pipe: Pipeline,
    addition: Addition,
    status: Status,
    error: Error | None,
    at: float,
    **more: str,
) -> None:
    key = _key(addition.id)
    pipe.hset(key, "state", f"{status}:{addition.run}")
    pipe.hset(key, "finished", at)
    told = None if error is None else error.model_dump()
    if error is not None:
        pipe.hset(key, "error", error.model_dump_json())
    pipe.srem(OPEN, addition.id)
    pipe.hdel(NAMES, _name(addition.place, addition.kind, addition.name))
    _publish(pipe, addition.id, {"event": "done", "status": status, "error": told, **more})


def _publish(pipe: Pipeline, addition_id: str, event: dict[str, Any]) -> None:
    said = json.dumps({"addition": addition_id, **event})
    pipe.xadd(stream(addition_id), {"event": said}, maxlen=EVENTS, approximate=True)


def _run(connection: Redis, addition: Addition, pipe: Pipeline) -> bool:
    return run_if_still(connection, _key(addition.id), "state", addition.state, pipe)


def _forget_old(connection: Redis) -> None:
    for each in cast("list[bytes]", connection.zrange(INDEX, 0, -KEPT - 1)):
        addition_id = each.decode()
        if not connection.sismember(OPEN, addition_id):
            with connection.pipeline() as pipe:
                pipe.zrem(INDEX, addition_id)
                pipe.delete(_key(addition_id), stream(addition_id))
                pipe.execute()


def _parsed(addition_id: str, said: dict[bytes, bytes]) -> Addition:
    text = {name.decode(): value.decode() for name, value in said.items()}
    status, _, run = text["state"].partition(":")
    finished, error = text.get("finished"), text.get("error")
    return Addition(
        id=addition_id,
        source=text["source"],
        name=text["name"],
        kind=cast("Kind | None", text["kind"] or None),
        place=text["place"],
        run=int(run),
        status=cast(Status, status),
        bytes=int(text["bytes"]),
        total=int(text["total"]) if text["total"] else None,
        error=Error.model_validate_json(error) if error else None,
        created_at=_moment(text["created"]),
        finished_at=_moment(finished) if finished else None,
        plan=json.loads(text["plan"]),
    )


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _name(place: str, kind: Kind | None, name: str) -> str:
    return f"{place}/{kind}/{name}"


def _key(addition_id: str) -> str:
    return f"darkroom:addition:{addition_id}"
