"""How many jobs and pictures one caller, and all together, may have: all limits in one step.

A job's place is counted when it is submitted. What still counts is read from the jobs themselves,
so a place is free the moment its job has ended, whatever ended it, and none is ever lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.client import Pipeline

from jobs.queue.own_quotas import NONE, OwnQuota
from jobs.quota import Quota, QuotaExceeded
from jobs.request.request import FieldError, InvalidRequest
from jobs.sentences import say
from jobs.settings import settings

FLIGHT = "darkroom:quota:flight"
"""Hash: job -> its pictures, when it was submitted, its caller; ended jobs leave at the next."""

PICTURES = "darkroom:quota:pictures:"
"""Counts of pictures, with the day since the epoch after it: everybody's, and one's with `:` and
the caller behind. Which day it is, Redis says."""

DAY = 24 * 3600

ADMIT = """
-- KEYS[1] flight, KEYS[2] what the keys of a day's pictures begin with
-- ARGV[1] job, ARGV[2] caller, ARGV[3] pictures, ARGV[4..8] limits, 0 for none: the caller's
-- waiting jobs, the caller's pictures in flight, everybody's, the caller's today, everybody's today
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return {0} end
local now = tonumber(redis.call('TIME')[1])
local everybody = KEYS[2] .. math.floor(now / 86400)
local own = everybody .. ':' .. ARGV[2]
local queued, flight, total = 0, 0, 0
local jobs = redis.call('HGETALL', KEYS[1])
for i = 1, #jobs, 2 do
    local pictures, since, caller = jobs[i + 1]:match('^(%d+) (%d+) (.*)$')
    local status = redis.call('HGET', 'rq:job:' .. jobs[i], 'status')
    -- Counted before its job is written, which takes less than a minute or does not happen.
    if not status and now - since < 60 then status = 'queued' end
    if status == 'queued' or status == 'started' then
        total = total + pictures
        if caller == ARGV[2] then
            flight = flight + pictures
            if status == 'queued' then queued = queued + 1 end
        end
    else
        redis.call('HDEL', KEYS[1], jobs[i])
    end
end
local used = {queued, flight, total, tonumber(redis.call('GET', own) or 0),
    tonumber(redis.call('GET', everybody) or 0)}
for i = 1, 5 do
    local limit, more = tonumber(ARGV[3 + i]), i == 1 and 1 or tonumber(ARGV[3])
    if limit > 0 and used[i] + more > limit then return {i, now, unpack(used)} end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. now .. ' ' .. ARGV[2])
for _, day in ipairs({own, everybody}) do
    redis.call('INCRBY', day, ARGV[3])
    redis.call('EXPIRE', day, 172800)
end
return {0}
"""


GIVE_BACK = """
-- KEYS[1] flight, KEYS[2] what the keys of a day's pictures begin with; ARGV[1] job
local counted = redis.call('HGET', KEYS[1], ARGV[1])
if not counted then return end
if redis.call('HGET', 'rq:job:' .. ARGV[1], 'status') ~= 'queued' then return end
local pictures, since, caller = counted:match('^(%d+) (%d+) (.*)$')
local everybody = KEYS[2] .. math.floor(since / 86400)
for _, day in ipairs({everybody .. ':' .. caller, everybody}) do
    if redis.call('EXISTS', day) == 1 then redis.call('DECRBY', day, pictures) end
end
redis.call('HDEL', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True)
class _Limit:
    name: str
    said: str
    unit: str
    value: int


def admit(
    connection: Redis,
    job_id: str,
    caller: str,
    pictures: int,
    busy_for: Callable[[], int],
    pointer: str = "/count",
    own: OwnQuota = NONE,
) -> None:
    """Count a job that is about to be submitted; a second time it counts no more.

    `pointer` leads to the field that its number of pictures comes from. `own` is what an admin set
    for this caller. `busy_for` says how many
    seconds the caller is asked to wait where a limit is full that frees itself as jobs end. Raises
    QuotaExceeded, or InvalidRequest where the job alone is too much.
    """
    limits = _limits(own)
    if not any(each.value for each in limits):
        return
    _check(limits, pictures, pointer, "makes the job count as {pictures} pictures")
    values = [str(each.value) for each in limits]
    reply = cast(
        "list[int]",
        connection.eval(ADMIT, 2, FLIGHT, PICTURES, job_id, caller, str(pictures), *values),
    )
    if not reply[0]:
        return
    midnight = DAY - reply[1] % DAY
    quotas = [
        Quota(
            each.name,
            each.value,
            each.unit,
            max(0, each.value - used),
            *((DAY, midnight) if "day" in each.name else (None, None)),
        )
        for each, used in zip(limits, reply[2:], strict=True)
    ]
    full, limit = quotas[reply[0] - 1], limits[reply[0] - 1]
    said = say(
        f"quota-{limit.name}",
        f"{limit.said} are limited to {{limit}}; {{left}} left",
        limit=limit.value,
        left=full.left,
    )
    raise QuotaExceeded(
        full, said, full.reset or busy_for(), [each for each in quotas if each.limit]
    )


def check_together(pictures: int, pointer: str, own: OwnQuota = NONE) -> None:
    """Raise InvalidRequest where jobs that are taken together or not at all are too much by
    themselves: waiting would not help them. `pointer` leads to the field that they come from."""
    _check(_limits(own), pictures, pointer, "make {pictures} pictures")


def _check(limits: Sequence[_Limit], pictures: int, pointer: str, counts: str) -> None:
    for each in limits[1:]:
        if 0 < each.value < pictures:
            code, template = f"limit-{each.name}", f"{{limit}}, the limit of {each.said}"
            detail = say(code, f"must be at most {template}", limit=each.value)
            if pointer != "/count":
                detail = say(
                    "counts-as",
                    f"{counts}; {{limit}} is the limit of {each.said}",
                    pictures=pictures,
                    limit=each.value,
                )
            raise InvalidRequest([FieldError(pointer=pointer, detail=detail)])


def give_back(connection: Redis, job_id: str) -> None:
    """A job that waits is not taken after all: it was never one of the day's. One that has begun
    stays counted."""
    connection.eval(GIVE_BACK, 2, FLIGHT, PICTURES, job_id)


def forget(pipe: Pipeline, job_id: str) -> None:
    """The job is deleted: its place is free. What it was of a day stays so."""
    pipe.hdel(FLIGHT, job_id)


def _limits(own: OwnQuota) -> list[_Limit]:
    chosen = settings()

    def of(set_here: int | None, everywhere: int) -> int:
        return everywhere if set_here is None else set_here

    return [
        _Limit("queued", "a user's waiting jobs", "jobs", of(own.queued, chosen.queued_per_caller)),
        _Limit(
            "in-flight",
            "a user's unfinished pictures",
            "pictures",
            of(own.pictures_in_flight, chosen.pictures_in_flight),
        ),
        _Limit(
            "in-flight-total",
            "all users' unfinished pictures",
            "pictures",
            chosen.pictures_in_flight_total,
        ),
        _Limit(
            "day",
            "a user's pictures in a day",
            "pictures",
            of(own.pictures_per_day, chosen.pictures_per_day),
        ),
        _Limit(
            "day-total",
            "all users' pictures in a day",
            "pictures",
            chosen.pictures_per_day_total,
        ),
    ]
