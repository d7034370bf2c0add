"""Lanes: the RQ queues that callers and models wait in, and whose turn it is.

A lane is one RQ queue named `model/priority/caller`. Whose turn it is, `jobs.records.shares` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast, get_args

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.serializers import JSONSerializer

from jobs.connection import now
from jobs.request.fields.values import Priority

TURNS = "darkroom:turns"
"""Hash: caller -> when a worker last took a job of theirs, by Redis's clock."""

BELL = "darkroom:bell"
"""List that idle workers block on: a job that comes in rings it."""

RUNG = "darkroom:rung"
"""Counts the jobs that came, for workers that are full and leave the bell to others."""

BELL_LENGTH = 64
"""More rings than workers ever wait; older ones are dropped."""

UNUSED = 24 * 3600.0
"""Seconds after which an empty lane is forgotten, so that callers who come once cost nothing."""

REORDERED = "darkroom:reordered"
"""Set: keys of lanes whose jobs do not wait in the order in which they came."""

PRUNE = """
-- KEYS[1] the set of lanes, KEYS[2] a lane, KEYS[3] its intermediate list, KEYS[4] its leases
for i = 2, 4 do if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end end
return redis.call('SREM', KEYS[1], KEYS[2])
"""

SHARES = "darkroom:shares"
"""Hash: caller -> what the workers' devices did for him, see `jobs.records.shares`."""

TURN = """
-- KEYS[1] turns; ARGV[1] caller
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], t[1] + t[2] / 1000000)
"""

HAD_AND_SERVED = """
-- KEYS[1] shares, KEYS[2] turns, KEYS[3], if wanted, lanes whose order was changed
-- ARGV[1...] callers
local orders = {}
for i, lane in ipairs(KEYS[3] and redis.call('SMEMBERS', KEYS[3]) or {}) do
    orders[i] = redis.call('LRANGE', lane, 0, -1)
end
return {redis.call('HMGET', KEYS[1], unpack(ARGV)), redis.call('HMGET', KEYS[2], unpack(ARGV)),
    orders}
"""

QUEUES = "rq:queues"
PRIORITIES: tuple[Priority, ...] = get_args(Priority)


@dataclass(frozen=True)
class Lane:
    """One lane: who waits there, for which model, how urgently."""

    model: str
    priority: Priority
    caller: str

    @property
    def name(self) -> str:
        """The RQ queue's name, as `rq info` shows it."""
        return f"{self.model}/{self.priority}/{self.caller}"

    @property
    def rank(self) -> int:
        """0 for the lowest priority, more for the higher ones."""
        return PRIORITIES.index(self.priority)

    def queue(self, connection: Redis) -> Queue:
        """The lane as an RQ queue (JSON serializer, never pickle)."""
        return Queue(self.name, connection=connection, serializer=JSONSerializer)


def lane(model: str, priority: Priority, caller: str) -> Lane:
    """The lane of a caller for a model; odd characters in either become `_`."""
    return Lane(plain(model), priority, plain(caller))


def lanes(connection: Redis) -> list[Lane]:
    """Every lane that anybody has used lately, empty ones too."""
    names = cast("set[bytes]", connection.smembers(QUEUES))
    return [found for name in names if (found := parse(name.decode().removeprefix("rq:queue:")))]


def parse(name: str) -> Lane | None:
    """The lane of an RQ queue's name; None for a queue that is not ours."""
    parts = name.split("/")
    if len(parts) != 3 or parts[1] not in PRIORITIES:
        return None
    return Lane(parts[0], parts[1], parts[2])


def waiting(connection: Redis, among: list[Lane]) -> dict[Lane, int]:
    """How many jobs wait in each of these lanes, in one round trip."""
    with connection.pipeline(transaction=False) as pipe:
        for each in among:
            pipe.llen(f"rq:queue:{each.name}")
        lengths = cast("list[int]", pipe.execute())
    return dict(zip(among, lengths, strict=True))


def turns(connection: Redis, callers: list[str]) -> dict[str, float]:
    """When each of these callers was last served; 0 for never."""
    if not callers:
        return {}
    values = cast("list[bytes | None]", connection.hmget(TURNS, callers))
    return {caller: float(value or 0) for caller, value in zip(callers, values, strict=True)}


def had_and_served(
    connection: Redis, callers: list[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """What each of these callers had of the device, and when he was served; 0 for the unknown."""
    return had_served_and_places(connection, callers, places=False)[:2]


def had_served_and_places(
    connection: Redis, callers: list[str], *, places: bool = True
) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    """As `had_and_served`, and with `places` where in their lanes those jobs wait that do not wait
    in the order in which they came."""
    if not callers:
        return {}, {}, {}
    keys = (SHARES, TURNS, REORDERED) if places else (SHARES, TURNS)
    reply = connection.eval(HAD_AND_SERVED, len(keys), *keys, *callers)
    *accounts, orders = cast("list[list[bytes | None]]", reply)
    had, served = (
        {caller: float(value or 0) for caller, value in zip(callers, values, strict=True)}
        for values in accounts
    )
    lists = cast("list[list[bytes]]", orders)
    found = {job_id.decode(): place for each in lists for place, job_id in enumerate(each)}
    return had, served, found


def take_turn(pipe: Pipeline, caller: str) -> None:
    """A worker takes a job of this caller's: the others go before their next."""
    pipe.eval(TURN, 1, TURNS, caller)


def prune(connection: Redis) -> int:
    """Forget lanes that are empty and whose caller was not served for a day; returns how many."""
    script = connection.register_script(PRUNE)
    oldest = now(connection) - UNUSED
    pruned = 0
    for each in lanes(connection):
        key = f"rq:queue:{each.name}"
        if turns(connection, [each.caller])[each.caller] < oldest:
            keys = [QUEUES, key, f"{key}:intermediate", f"rq:wip:{each.name}"]
            pruned += cast("int", script(keys))
    _forget_turns(connection, oldest)
    return pruned


def _forget_turns(connection: Redis, oldest: float) -> None:
    """Forget what callers had who were not served for a day: they go first, as those unknown."""
    served = cast("dict[bytes, bytes]", connection.hgetall(TURNS))
    if old := [caller for caller, at in served.items() if float(at) < oldest]:
        connection.hdel(TURNS, *old)
        connection.hdel(SHARES, *old)


def ring(connection: Redis) -> None:
    """Wake a worker that waits for jobs."""
    with connection.pipeline(transaction=False) as pipe:
        add_ring(pipe)
        pipe.execute()


def add_ring(pipe: Pipeline) -> None:
    """Wake a worker with the transaction that brings the job."""
    pipe.lpush(BELL, 1)
    pipe.ltrim(BELL, 0, BELL_LENGTH - 1)
    pipe.incr(RUNG)


def plain(name: str) -> str:
    """A model or a caller as lanes name it."""
    return re.sub(r"[^A-Za-z0-9._@+-]", "_", name)[:120] or "_"
