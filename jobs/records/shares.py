"""What each caller has had of the workers' devices, and whose job is taken next.

A caller's tag is start-time fair queueing's (`worker/engine/shares.py`): weighted device seconds,
as all workers together measured them. Redis has the one account; a worker adds what it charged and
learns what others did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from redis import Redis

from jobs.records import lanes
from jobs.records.lanes import Lane
from jobs.request.fields.values import Priority

WEIGHTS: dict[Priority, float] = {"low": 0.25, "normal": 1.0, "high": 4.0}
"""How much of the device a job gets beside another's: a second counts as this part of one."""

BEYOND = 2
"""How many times its capacity a worker holds at most, with those who had nothing in it and those
whose model is not there yet."""

CHARGE = """
-- KEYS[1] shares, KEYS[2] turns; ARGV[1...] caller, where he began, seconds
-- Times of turns are Redis's own: of whoever was not served for a day the account is dropped.
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local tags = {}
for i = 1, #ARGV, 3 do
    local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
    local tag = math.max(before, tonumber(ARGV[i + 1])) + tonumber(ARGV[i + 2])
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%.6f', tag))
    redis.call('HSET', KEYS[2], ARGV[i], now)
    tags[#tags + 1] = string.format('%.6f', tag)
end
return tags
"""


class Charged(NamedTuple):
    """Weighted device seconds of a caller, and his tag before the first of them."""

    caller: str
    start: float
    seconds: float


class Turn(NamedTuple):
    """When a lane's next job is taken: the least goes first.

    Who has nothing under way goes before everybody, whatever his priority. The others go by
    priority, then warm models first, then whoever has fewest pictures under way, then whoever has
    had least of the device, then whoever was served longest ago.
    """

    present: bool
    rank: int
    cold: bool
    held: float
    tag: float
    served: float


def turn(lane: Lane, *, held: int, cold: bool, tag: float, served: float) -> Turn:
    """The turn of a lane whose caller has so many pictures under way, and had so much."""
    weighed = held / WEIGHTS[lane.priority]
    return Turn(held > 0, -lane.rank, cold, weighed, tag, served)


def charge(connection: Redis, charges: Iterable[Charged]) -> dict[str, float]:
    """Add to the accounts of these callers; returns what each has had by now."""
    every = list(charges)
    if not every:
        return {}
    said = [str(word) for each in every for word in each]
    tags = cast("list[bytes]", connection.eval(CHARGE, 2, lanes.SHARES, lanes.TURNS, *said))
    return {each.caller: float(tag) for each, tag in zip(every, tags, strict=True)}


def tags(connection: Redis, callers: list[str]) -> Mapping[str, float]:
    """What each of these callers has had; 0 for who is not known."""
    if not callers:
        return {}
    values = cast("list[bytes | None]", connection.hmget(lanes.SHARES, callers))
    return {caller: float(value or 0) for caller, value in zip(callers, values, strict=True)}
