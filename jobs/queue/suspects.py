"""Suspects: jobs that were in a crash, and who may run beside them until they have ended.

The jobs of a worker that died are halved, and each half runs together but with nobody else: should
a worker die again, half of them had no part in it. A job that was in two crashes runs alone, so
that nobody else's fault ends its last attempt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.client import Pipeline
from rq.job import Job

from jobs.records import lanes
from jobs.records.lanes import Lane
from jobs.records.record import Field

SUSPECTS = "darkroom:suspects"
"""Hash: job -> its group, its lane and the worker that runs it, as JSON; until it has ended."""

CONDEMN = """
-- KEYS[1] suspects, KEYS[2] the job; ARGV[1] job id, ARGV[2] lane, ARGV[3] dead worker
-- ARGV[4] field of crashes
local group = ARGV[1]
if tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or 0) < 2 then
    local halves = {[ARGV[3] .. '/1'] = 0, [ARGV[3] .. '/2'] = 0}
    for _, each in ipairs(redis.call('HVALS', KEYS[1])) do
        local of = cjson.decode(each).group
        if halves[of] then halves[of] = halves[of] + 1 end
    end
    group = ARGV[3] .. (halves[ARGV[3] .. '/1'] <= halves[ARGV[3] .. '/2'] and '/1' or '/2')
end
local suspect = cjson.encode({group = group, lane = ARGV[2], holder = ''})
redis.call('HSET', KEYS[1], ARGV[1], suspect)
"""

RELEASE = """
-- KEYS[1] suspects; ARGV[1] job id
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then return 0 end
local suspect = cjson.decode(found)
suspect.holder = ''
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(suspect))
return 1
"""

PICK = """
-- KEYS[1] lane, KEYS[2] its intermediate list, KEYS[3] the job, KEYS[4] suspects; ARGV[1] job id
local status = redis.call('HGET', KEYS[3], 'status')
if status ~= 'queued' then
    -- Ended by a tool of RQ's, which knows nothing of suspects.
    if status ~= 'started' then redis.call('HDEL', KEYS[4], ARGV[1]) end
    return 0
end
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""


@dataclass(frozen=True)
class Suspect:
    """A job that was in a crash: those of its `group` may run together. `holder` is the worker
    that runs it, None while it waits."""

    job: str
    group: str
    lane: Lane
    holder: str | None


def read(connection: Redis | Pipeline) -> dict[str, Suspect]:
    """Every suspect, waiting or running, by its job's id; most often there is none."""
    found = cast("dict[bytes, bytes]", connection.hgetall(SUSPECTS))
    suspects: dict[str, Suspect] = {}
    for raw_id, value in found.items():
        job_id, fields = raw_id.decode(), cast("Mapping[str, str]", json.loads(value))
        if lane := lanes.parse(fields["lane"]):
            holder = fields["holder"] or None
            suspects[job_id] = Suspect(job_id, fields["group"], lane, holder)
    return suspects


def condemn(pipe: Pipeline, job: Job) -> None:
    """Make a suspect of a job whose worker died; after its crash was counted."""
    worker = job.worker_name or ""
    keys = (SUSPECTS, job.key)
    pipe.eval(CONDEMN, len(keys), *keys, job.id, job.origin, worker, Field.CRASHES)


def hold(pipe: Pipeline, suspect: Suspect, worker: str) -> None:
    """A worker runs the suspect."""
    fields = {"group": suspect.group, "lane": suspect.lane.name, "holder": worker}
    pipe.hset(SUSPECTS, suspect.job, json.dumps(fields))


def release(pipe: Pipeline, job_id: str) -> None:
    """A worker gave the job back; if it is a suspect, it waits again."""
    pipe.eval(RELEASE, 1, SUSPECTS, job_id)


def acquit(pipe: Pipeline, job_id: str) -> None:
    """The job has ended, or there is none any more."""
    pipe.hdel(SUSPECTS, job_id)


def pick(connection: Redis, lane: Lane, job_id: str, between: str) -> bool:
    """Move one job, wherever it stands in its lane, to the list `between` lane and lease; False
    where it does not wait there."""
    keys = (f"rq:queue:{lane.name}", between, Job.key_for(job_id), SUSPECTS)
    return bool(connection.eval(PICK, len(keys), *keys, job_id))
