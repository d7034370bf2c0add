"""The outbox of webhooks: what is still to be sent, kept in Redis until it was.

An event enters the outbox in the transaction that publishes it, so no event loses its webhook. A
job's events leave in their order: the job is what is due, and what is sent is its oldest event.
Whoever sends holds a lease on the job; should that process die, the next one sends it again.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT

from jobs.connection import now

DUE = "darkroom:webhooks:due"
"""Sorted set: jobs with something to send, by when (seconds since the epoch, Redis's clock)."""

HOLDERS = "darkroom:webhooks:holders"
"""Hash: job -> token of the lease under which its oldest event is being sent."""

BELL = "darkroom:webhooks:bell"
"""List that the deliverer blocks on: an event that comes in rings it."""

DEAD = "darkroom:webhooks:dead"
"""Hash: id -> what was given up, as JSON."""

LIVES = 30
"""Seconds for which a sender that said so is taken to live."""

MAX_DEAD = 1000
"""Dead letters kept; of more, the oldest are dropped."""

FACTOR = 4
LONGEST = 6 * 3600.0
"""Seconds between two tries at most: a receiver that was down for a night is tried again soon."""

NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000\n"

SUBSCRIBE = f"""
-- KEYS[1] the job's hook
{NOW}
redis.call('HSETNX', KEYS[1], 'since', now)
"""

RECORD = """
-- KEYS[1] the job's hook, KEYS[2] its outbox, KEYS[3] due, KEYS[4] bell
-- ARGV[1] kind of event, ARGV[2] the event, ARGV[3] job
if redis.call('HEXISTS', KEYS[1], 'on:' .. ARGV[1]) == 0 then return 0 end
local number = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('RPUSH', KEYS[2], number .. ' ' .. ARGV[2])
local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000
redis.call('ZADD', KEYS[3], 'NX', now, ARGV[3])
redis.call('LPUSH', KEYS[4], 1)
redis.call('LTRIM', KEYS[4], 0, 0)
return 1
"""

CLAIM = f"""
-- KEYS[1] due, KEYS[2] holders; ARGV[1] seconds of the lease, ARGV[2] its token
{NOW}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if not found then return false end
redis.call('ZADD', KEYS[1], now + ARGV[1], found)
redis.call('HSET', KEYS[2], found, ARGV[2])
return found
"""

FINISH = f"""
-- KEYS[1] due, KEYS[2] holders, KEYS[3] the job's outbox, KEYS[4] its hook, KEYS[5] dead letters
-- ARGV[1] job, ARGV[2] token, ARGV[3] id, ARGV[4] the dead letter or nothing
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('LPOP', KEYS[3])
redis.call('HDEL', KEYS[4], 'attempts', 'reason')
if ARGV[4] ~= '' then redis.call('HSET', KEYS[5], ARGV[3], ARGV[4]) end
{NOW}
if redis.call('LLEN', KEYS[3]) > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
    redis.call('ZADD', KEYS[1], now, ARGV[1])
else
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('DEL', KEYS[3])
end
return 1
"""

POSTPONE = f"""
-- KEYS[1] due, KEYS[2] holders, KEYS[3] the job's hook
-- ARGV[1] job, ARGV[2] token, ARGV[3] seconds, ARGV[4] why, or nothing where it was not tried
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 0 then return redis.call('ZREM', KEYS[1], ARGV[1]) end
if ARGV[4] ~= '' then
    redis.call('HINCRBY', KEYS[3], 'attempts', 1)
    redis.call('HSET', KEYS[3], 'reason', ARGV[4])
end
{NOW}
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return 1
"""

REVIVE = f"""
-- KEYS[1] dead letters, KEYS[2] the job's outbox, KEYS[3] its hook, KEYS[4] due, KEYS[5] bell
-- ARGV[1] id, ARGV[2] number and event, ARGV[3] job
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[2])
{NOW}
redis.call('ZADD', KEYS[4], 'NX', now, ARGV[3])
redis.call('LPUSH', KEYS[5], 1)
return 1
"""

Format = Literal["json", "ntfy"]


@dataclass(frozen=True)
class Hook:
    """What a job's caller asked for: where to send which events, and how its URLs begin."""

    url: str
    events: tuple[str, ...]
    format: Format
    base: str


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one receiver, under a lease."""

    job: str
    number: int
    event: str
    hook: Hook
    attempts: int
    token: str
    since: float
    """When the job's caller asked to be told, by Redis's clock."""

    @property
    def id(self) -> str:
        """The webhook-id: the same however often it is sent."""
        return f"msg_{self.job}_{self.number}"


@dataclass(frozen=True)
class DeadLetter:
    """An event that was given up: nothing is sent until the operator says so."""

    id: str
    job: str
    event: str
    attempts: int
    reason: str
    at: float

    @property
    def kind(self) -> str:
        """The event's name."""
        return str(json.loads(self.event)["event"])


def subscribe(pipe: Pipeline, job_id: str, hook: Hook) -> None:
    """Have a job's events recorded from now on; before the first is published."""
    fields: dict[FieldT, EncodableT] = {"url": hook.url, "format": hook.format, "base": hook.base}
    fields |= {f"on:{event}": "1" for event in hook.events}
    pipe.hset(_hook(job_id), mapping=fields)
    pipe.eval(SUBSCRIBE, 1, _hook(job_id))


def record_first(pipe: Pipeline, job_id: str, hook: Hook, kind: str, event: str) -> None:
    """As `record` of the first event of a job that was subscribed in the same transaction, without
    a script: for where one runs already."""
    if kind not in hook.events:
        return
    pipe.hset(_hook(job_id), "count", 1)
    pipe.rpush(_outbox(job_id), f"1 {event}")
    pipe.zadd(DUE, {job_id: 0}, nx=True)
    pipe.lpush(BELL, 1)
    pipe.ltrim(BELL, 0, 0)


def record(pipe: Pipeline, job_id: str, kind: str, event: str) -> None:
    """Add an event to the outbox, if the job's caller asked for its kind."""
    keys = (_hook(job_id), _outbox(job_id), DUE, BELL)
    pipe.eval(RECORD, len(keys), *keys, kind, event, job_id)


def forget(pipe: Pipeline, job_id: str) -> None:
    """Send nothing more about a job."""
    pipe.delete(_hook(job_id), _outbox(job_id))
    pipe.zrem(DUE, job_id)
    pipe.hdel(HOLDERS, job_id)


def claim(connection: Redis, lease: float) -> Delivery | None:
    """The next event that is due, for as many seconds this caller's alone; None where none is."""
    token = secrets.token_hex(8)
    while True:
        found = cast("bytes | None", connection.eval(CLAIM, 2, DUE, HOLDERS, str(lease), token))
        if not found:
            return None
        job_id = found.decode()
        with connection.pipeline() as pipe:
            pipe.hgetall(_hook(job_id))
            pipe.lindex(_outbox(job_id), 0)
            fields, head = cast("tuple[dict[bytes, bytes], bytes | None]", pipe.execute())
        if b"url" not in fields or head is None:
            with connection.pipeline() as pipe:
                forget(pipe, job_id)
                pipe.execute()
            continue
        number, _, event = head.decode().partition(" ")
        hook = _read_hook(fields)
        attempts, since = int(fields.get(b"attempts", 0)), float(fields.get(b"since", 0))
        return Delivery(job_id, int(number), event, hook, attempts, token, since)


def finish(connection: Redis, delivery: Delivery) -> None:
    """The event was received, or there is nobody left to be told of it."""
    _finish(connection, delivery, "")


def fail(
    connection: Redis, delivery: Delivery, reason: str, *, retries: int, wait: float, final: bool
) -> bool:
    """The event was not received: True if it will be sent again, False if it was given up.

    The first wait is `wait` seconds, each further one longer by FACTOR; `final` gives up at once.
    """
    if final or delivery.attempts >= retries:
        letter = {
            "job": delivery.job,
            "event": delivery.event,
            "attempts": delivery.attempts + 1,
            "reason": reason,
            "at": now(connection),
        }
        _finish(connection, delivery, json.dumps(letter))
        _trim(connection)
        return False
    postpone(connection, delivery, wait, reason)
    return True


def delay(attempts: int, first: float) -> float:
    """Seconds until the next try after some failures, up to a quarter more or less by chance."""
    return min(LONGEST, first * FACTOR**attempts) * random.uniform(0.75, 1.25)


def postpone(connection: Redis, delivery: Delivery, seconds: float, reason: str = "") -> None:
    """Send it in some seconds; without a reason it counts as not tried."""
    keys = (DUE, HOLDERS, _hook(delivery.job))
    arguments = (delivery.job, delivery.token, str(seconds), reason)
    connection.eval(POSTPONE, len(keys), *keys, *arguments)


def wait(connection: Redis, seconds: float) -> None:
    """Return when an event comes in or is due again, or after some seconds."""
    with connection.pipeline(transaction=False) as pipe:
        pipe.zrange(DUE, 0, 0, withscores=True)
        pipe.time()
        first, (whole, micro) = cast(
            "tuple[list[tuple[bytes, float]], tuple[int, int]]", pipe.execute()
        )
    if first:
        seconds = min(seconds, first[0][1] - whole - micro / 1e6)
    if seconds > 0:
        # Of 0 Redis would make for ever.
        connection.blpop([BELL], timeout=max(seconds, 0.01))


def beat(connection: Redis, host: str) -> None:
    """Say that a sender on this host lives."""
    connection.set(_sender(host), 1, ex=LIVES)


def lives(connection: Redis, host: str) -> bool:
    """Whether a sender on this host has said of late that it lives."""
    return bool(connection.exists(_sender(host)))


def waiting(connection: Redis) -> int:
    """How many jobs have something to be sent, now or later."""
    return connection.zcard(DUE)


def dead_letters(connection: Redis) -> list[DeadLetter]:
    """What was given up, the oldest first."""
    raw = cast("dict[bytes, bytes]", connection.hgetall(DEAD))
    letters = [DeadLetter(id=key.decode(), **json.loads(value)) for key, value in raw.items()]
    return sorted(letters, key=lambda each: each.at)


def hooks(connection: Redis, job_ids: list[str]) -> Iterator[Hook | None]:
    """The hook of each of these jobs; None where the job was deleted."""
    with connection.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hgetall(_hook(job_id))
        found = cast("list[dict[bytes, bytes]]", pipe.execute())
    for fields in found:
        yield _read_hook(fields) if b"url" in fields else None


def revive(connection: Redis, letter: DeadLetter) -> bool:
    """Send a dead letter again, from its first try; False where its job was deleted since."""
    number = letter.id.rpartition("_")[2]
    keys = (DEAD, _outbox(letter.job), _hook(letter.job), DUE, BELL)
    arguments = (letter.id, f"{number} {letter.event}", letter.job)
    return bool(connection.eval(REVIVE, len(keys), *keys, *arguments))


def drop(connection: Redis, letter: DeadLetter) -> None:
    """Forget a dead letter."""
    connection.hdel(DEAD, letter.id)


def _finish(connection: Redis, delivery: Delivery, letter: str) -> None:
    keys = (DUE, HOLDERS, _outbox(delivery.job), _hook(delivery.job), DEAD)
    arguments = (delivery.job, delivery.token, delivery.id, letter)
    connection.eval(FINISH, len(keys), *keys, *arguments)


def _trim(connection: Redis) -> None:
    if connection.hlen(DEAD) > MAX_DEAD:
        for letter in dead_letters(connection)[:-MAX_DEAD]:
            drop(connection, letter)


def _read_hook(fields: dict[bytes, bytes]) -> Hook:
    text = {key.decode(): value.decode() for key, value in fields.items()}
    events = tuple(key[3:] for key in text if key.startswith("on:"))
    return Hook(text["url"], events, cast("Format", text["format"]), text["base"])


def _sender(host: str) -> str:
    return f"darkroom:webhooks:sender:{host}"


def _hook(job_id: str) -> str:
    return f"darkroom:webhook:{job_id}"


def _outbox(job_id: str) -> str:
    return f"darkroom:webhook:{job_id}:outbox"
