"""Leases: who runs a job, for how long that holds, and what happens when a worker dies.

A lease is an entry of RQ's started registry with its time of expiry. A worker renews its leases;
one that expires, or whose worker is known to be dead, is ended and its job runs again. All times
are Redis's own, written and compared in its scripts: no other clock has a say.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.utils import parse_composite_key

from jobs.queue import settle, suspects
from jobs.queue.queue import ATTEMPTS
from jobs.records import lanes, workers
from jobs.records.events import Error
from jobs.records.lanes import Lane
from jobs.records.record import Field, fetch, read

LEASE = 10
"""Seconds a lease holds: with the sweep every 2 s, a vanished machine's jobs run again in 15."""

BEAT = 2
"""Seconds between two renewals, and between two sweeps for expired leases."""

STRANDED = 5.0
"""Seconds after which a job between lane and lease is put back: taking one lasts milliseconds."""

SWEEP_LOCK = "darkroom:sweeping"

LOOKED = "darkroom:leases:looked"
"""When a worker last looked for expired leases, by Redis's clock. All do so at every beat, so a gap
means that nobody reached Redis, and that leases lapsed whose workers may be well."""

BEYOND = 10**10
"""Seconds added to each expiry: RQ's tools (`rq info`, rq-dashboard) end what has expired by the
clock of the machine that they run on, and find nothing."""

KEPT = 3600
"""Seconds after its last renewal for which it is known whose a lease is: longer than an outage."""

DIED = Error(
    code="worker_died",
    detail=f"The job was tried {ATTEMPTS} times, and each time the worker that ran it died.",
)

NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000\n"

HOLD = f"""
-- KEYS[1] started registry, KEYS[2] the execution, KEYS[3] the job's executions
-- ARGV[1] entry, ARGV[2] execution's id, ARGV[3] seconds, ARGV[4] new or old, ARGV[5...] its fields
if ARGV[4] == 'old' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
{NOW}
redis.call('ZADD', KEYS[1], now + ARGV[3] + {BEYOND}, ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[3] + {BEYOND}, ARGV[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[2], {KEPT})
redis.call('EXPIRE', KEYS[3], {KEPT})
return 1
"""

LOOK = f"""
-- KEYS[1] when somebody last looked, KEYS[2] the sweep's lock, KEYS[3...] started registries
-- ARGV[1] seconds of a lease, ARGV[2] without a look that are an outage, ARGV[3] of the lock
{NOW}
local away = now - tonumber(redis.call('GET', KEYS[1]) or 0) > tonumber(ARGV[2])
redis.call('SET', KEYS[1], now)
local mine = redis.call('SET', KEYS[2], 1, 'NX', 'PX', math.floor(ARGV[3] * 1000))
if not away and not mine then return {{}} end
local found = {{}}
for i = 3, #KEYS do
    for _, from in ipairs({{0, {BEYOND}}}) do
        local lapsed = redis.call('ZRANGEBYSCORE', KEYS[i], from, from + now)
        for _, entry in ipairs(lapsed) do
            if away then redis.call('ZADD', KEYS[i], now + ARGV[1] + {BEYOND}, entry)
            else table.insert(found, {{i - 3, entry}}) end
        end
    end
end
return found
"""

STILL = f"""
-- KEYS[1] started registry; ARGV[1] entry, ARGV[2] any or lapsed
local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1)
{NOW}
if score > {BEYOND} then score = score - {BEYOND} end
return score >= 0 and (ARGV[2] == 'any' or score <= now)
"""

PARDON = """
-- KEYS[1] job, KEYS[2] suspects; ARGV[1] field that tells of a lapse, ARGV[2] field of crashes
-- ARGV[3] job id
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HINCRBY', KEYS[1], ARGV[2], -1) < 1 then redis.call('HDEL', KEYS[2], ARGV[3]) end
redis.call('HINCRBY', KEYS[1], 'retries_left', 1)
return 1
"""

PUT_BACK = """
-- KEYS[1] intermediate list, KEYS[2] lane, KEYS[3] bell, KEYS[4] job; ARGV[1] job id
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LPUSH', KEYS[3], 1)
return 1
"""


def take(pipe: Pipeline, job: Job, execution: Execution) -> None:
    """Begin a lease of `LEASE` seconds; to be renewed every `BEAT`."""
    _hold(pipe, job, execution, "new")


def renew(pipe: Pipeline, job: Job, execution: Execution) -> None:
    """Have a lease hold for `LEASE` seconds from when Redis reads this, however long that takes.

    The reply is 0 where it was ended; it stays ended.
    """
    _hold(pipe, job, execution, "old")


def _hold(pipe: Pipeline, job: Job, execution: Execution, age: str) -> None:
    shown = cast("dict[str, str | float]", execution.serialize())
    fields = [str(each) for pair in shown.items() for each in pair]
    keys = (job.started_job_registry.key, execution.key, _executions(job.id))
    entry = execution.composite_key
    pipe.eval(HOLD, len(keys), *keys, entry, execution.id, str(LEASE), age, *fields)


def pardon(connection: Redis, job: Job, execution: Execution) -> None:
    """A worker lives whose lease had run out, so the job that it held was in no crash."""
    keys = (job.key, suspects.SUSPECTS)
    connection.eval(PARDON, len(keys), *keys, _lapse(execution.id), Field.CRASHES, job.id)


def end_leases(connection: Redis, worker: str) -> int:
    """End at once all leases of a worker that is known to be dead, and requeue its jobs."""
    workers.withdraw(connection, worker)
    ended = 0
    for lane in lanes.lanes(connection):
        entries = cast("list[bytes]", connection.zrange(_registry_key(lane), 0, -1))
        with connection.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.hget(_execution(entry), "worker_name")
            holders = cast("list[bytes | None]", pipe.execute())
        held = [entry for entry, by in zip(entries, holders, strict=True) if by == worker.encode()]
        ended += _requeue(connection, lane, held)
        connection.srem(f"rq:workers:{lane.name}", f"rq:worker:{worker}")
    connection.srem("rq:workers", f"rq:worker:{worker}")
    connection.delete(f"rq:worker:{worker}")
    return ended


def release_all(connection: Redis) -> int:
    """Give back what every worker held, as if its attempt had not been; returns how many jobs.

    For a Redis that comes from a backup: no worker lives that knows of these leases, and none died.
    """
    released = 0
    for lane in lanes.lanes(connection):
        key = _registry_key(lane)
        with connection.pipeline() as pipe:
            for entry in cast("list[bytes]", connection.zrange(key, 0, -1)):
                record = read(connection, parse_composite_key(entry.decode())[0])
                if record and record.status == "running":
                    _end(connection, pipe, key, entry, crashed=False)
                    released += 1
            pipe.delete(key)
            for job_id in cast("list[bytes]", connection.lrange(intermediate_key(lane), 0, -1)):
                _put_back(pipe, lane, job_id)
            pipe.delete(f"rq:workers:{lane.name}")
            pipe.execute()
    for worker in cast("set[bytes]", connection.smembers("rq:workers")):
        connection.delete(worker)
    connection.delete("rq:workers", workers.WORKERS)
    return released


class Sweep:
    """Finds what dead workers left: expired leases, and jobs stranded between lane and lease."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection
        self._stranded: dict[tuple[Lane, bytes], float] = {}

    def run(self, held: Collection[str] = ()) -> int:
        """Requeue, or fail, what was left; returns how many jobs. One process at a time sweeps.

        Leases in `held`, this worker's own, stay whatever their age. Where nobody had looked for
        half a lease, Redis was away: what lapsed meanwhile gets time to be renewed.
        """
        all_lanes = lanes.lanes(self.connection)
        keys = [LOOKED, SWEEP_LOCK, *(_registry_key(lane) for lane in all_lanes)]
        arguments = (str(LEASE), str(LEASE / 2), str(BEAT))
        found = cast(
            "list[tuple[int, bytes]]",
            self.connection.eval(LOOK, len(keys), *keys, *arguments),
        )
        lapsed: dict[Lane, list[bytes]] = {}
        for index, entry in found:
            if entry.decode() not in held:
                lapsed.setdefault(all_lanes[index], []).append(entry)
        swept = sum(
            _requeue(self.connection, lane, entries, lapsed=True)
            for lane, entries in lapsed.items()
        )
        return swept + self._put_back_stranded(all_lanes)

    def _put_back_stranded(self, all_lanes: list[Lane]) -> int:
        now, seen = time.monotonic(), self._stranded
        with self.connection.pipeline(transaction=False) as pipe:
            for lane in all_lanes:
                pipe.lrange(intermediate_key(lane), 0, -1)
            found = cast("list[list[bytes]]", pipe.execute())
        between = [
            (lane, job_id) for lane, ids in zip(all_lanes, found, strict=True) for job_id in ids
        ]
        self._stranded = {each: seen.get(each, now) for each in between}
        back = 0
        for (lane, job_id), since in self._stranded.items():
            if now - since > STRANDED:
                back += cast("int", _put_back(self.connection, lane, job_id))
        return back


def _put_back(connection: Redis, lane: Lane, job_id: bytes) -> object:
    job_key = Job.key_for(job_id.decode())
    keys = [intermediate_key(lane), f"rq:queue:{lane.name}", lanes.BELL, job_key]
    return connection.eval(PUT_BACK, len(keys), *keys, job_id)


def intermediate_key(lane: Lane) -> str:
    """Where RQ keeps a job between its lane and its lease."""
    return f"rq:queue:{lane.name}:intermediate"


def _requeue(
    connection: Redis, lane: Lane, entries: Collection[bytes], *, lapsed: bool = False
) -> int:
    """End these leases, and have their jobs run again or fail; returns how many.

    Of those that are `lapsed` only the ones that nobody has renewed since.
    """
    key = _registry_key(lane)
    with connection.pipeline() as pipe:
        while entries:
            try:
                # The watch makes the requeue fail where a worker settled or renewed meanwhile.
                pipe.watch(key)
                entries = [each for each in entries if _ended(pipe, key, each, lapsed=lapsed)]
                pipe.multi()
                for entry in entries:
                    _end(connection, pipe, key, entry, lapsed=lapsed, crashed=True)
                pipe.execute()
                return len(entries)
            except WatchError:
                continue
    return 0


def _ended(pipe: Pipeline, key: str, entry: bytes, *, lapsed: bool) -> bool:
    return bool(pipe.eval(STILL, 1, key, entry, "lapsed" if lapsed else "any"))


def _end(
    connection: Redis,
    pipe: Pipeline,
    key: str,
    entry: bytes,
    *,
    crashed: bool,
    lapsed: bool = False,
) -> None:
    job_id, execution_id = parse_composite_key(entry.decode())
    pipe.zrem(key, entry)
    pipe.delete(_execution(entry))
    pipe.zrem(_executions(job_id), execution_id)
    try:
        job = fetch(connection, job_id)
    except NoSuchJobError:
        return
    if connection.hexists(job.key, Field.CANCEL):
        settle.cancel(pipe, job)
    elif job.retries_left or not crashed:
        settle.give_back(pipe, job, crashed=crashed)
        if lapsed:
            pipe.hset(job.key, _lapse(execution_id), 1)
    else:
        settle.fail(pipe, job, job.worker_name or "", DIED)


def _lapse(execution_id: str) -> str:
    """Field of a job: this attempt's worker fell silent, and nobody saw it die."""
    return f"lapsed:{execution_id}"


def _registry_key(lane: Lane) -> str:
    return f"rq:wip:{lane.name}"


def _executions(job_id: str) -> str:
    return f"rq:executions:{job_id}"


def _execution(entry: bytes) -> str:
    return f"rq:execution:{entry.decode()}"
