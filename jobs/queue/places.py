"""Places in the queue: a caller's job goes before or after another of the same lane.

Nothing leaves its lane, so no other caller's turn comes sooner or later by it. Each move is one
command: a kill at any point leaves it done or not done, and done twice it is done once.
"""

from __future__ import annotations

from typing import Literal, cast

from redis import Redis
from rq.job import Job

from jobs.lists import standing
from jobs.records import lanes
from jobs.records.record import JobRecord
from jobs.sentences import say

Where = Literal["first", "last", "before", "after"]

MOVE = """
-- KEYS[1] lane, KEYS[2] the job, KEYS[3] lanes whose order was changed, KEYS[4] counts the moves
-- ARGV[1] the job's id, ARGV[2] where, ARGV[3] the id beside which, or nothing
if redis.call('HGET', KEYS[2], 'status') ~= 'queued' then return 'not waiting' end
local found, at = false, false
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    if id == ARGV[1] then found = true end
    if id == ARGV[3] then at = true end
end
-- Between its lane and its lease: a worker has just taken it.
if not found then return 'not waiting' end
if ARGV[3] ~= '' and not at then return 'no other' end
if ARGV[1] == ARGV[3] then return 'moved' end
redis.call('LREM', KEYS[1], 1, ARGV[1])
if ARGV[2] == 'first' then redis.call('LPUSH', KEYS[1], ARGV[1])
elseif ARGV[2] == 'last' then redis.call('RPUSH', KEYS[1], ARGV[1])
else redis.call('LINSERT', KEYS[1], ARGV[2], ARGV[3], ARGV[1]) end
for _, lane in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    if redis.call('EXISTS', lane) == 0 then redis.call('SREM', KEYS[3], lane) end
end
redis.call('SADD', KEYS[3], KEYS[1])
redis.call('INCR', KEYS[4])
return 'moved'
"""


class NotWaiting(Exception):
    """The caller gets 409: the job has no place in the queue any more."""


class OtherLane(Exception):
    """The caller gets 422: the job beside which it is to be does not wait in the same lane."""


def move(connection: Redis, record: JobRecord, where: Where, other: JobRecord | None) -> None:
    """Put a waiting job first or last of its lane, or beside another that waits there.

    Raises NotWaiting and OtherLane.
    """
    if record.status != "queued":
        raise _not_waiting(record)
    beside = other.id if other else ""
    if other and other.lane != record.lane and other.status == "queued":
        raise OtherLane(
            say(
                "other-lane",
                "waits for another model, with another priority, or was sent by another device:"
                " jobs change places among those that wait for the same",
            )
        )
    keys = (
        f"rq:queue:{record.lane}",
        Job.key_for(record.id),
        lanes.REORDERED,
        standing.MOVES,
    )
    reply = cast(
        "bytes", connection.eval(MOVE, len(keys), *keys, record.id, where, beside)
    ).decode()
    if reply == "not waiting":
        raise _not_waiting(record)
    if reply == "no other":
        raise OtherLane(say("other-not-waiting", "does not wait any more"))


def _not_waiting(record: JobRecord) -> NotWaiting:
    if record.ended_at is not None:
        detail = "the job has ended, so it has no place in the queue"
        return NotWaiting(say("already-ended", detail))
    return NotWaiting(say("already-runs", "the job runs already, so it has no place in the queue"))
