"""Leases: who runs a job, for how long that holds, and what happens when a worker dies.

A lease is an entry of RQ's started registry with its time of expiry. A worker renews its leases;
one that expires, or whose worker is known to be dead, is ended and its job runs again.
"""

from __future__ import annotations

import time
from typing import cast

from redis import Redis
from redis.exceptions import WatchError
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.utils import parse_composite_key

from jobs.queue import lanes, settle, workers
from jobs.queue.events import Error
from jobs.queue.lanes import Lane
from jobs.queue.queue import ATTEMPTS
from jobs.queue.record import Field, fetch

LEASE = 10
"""Seconds a lease holds: with the sweep every 2 s, a vanished machine's jobs run again in 15."""

BEAT = 2
"""Seconds between two renewals, and between two sweeps for expired leases."""

STRANDED = 5.0
"""Seconds after which a job between lane and lease is put back: taking one lasts milliseconds."""

SWEEP_LOCK = "darkroom:sweeping"

DIED = Error(
    code="worker_died",
    detail=f"The job was tried {ATTEMPTS} times, and each time the worker that ran it died.",
)

PUT_BACK = """
-- KEYS[1] intermediate list, KEYS[2] lane, KEYS[3] bell, KEYS[4] job; ARGV[1] job id
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LPUSH', KEYS[3], 1)
return 1
"""


def end_leases(connection: Redis, worker: str) -> int:
    """End at once all leases of a worker that is known to be dead, and requeue its jobs."""
    workers.withdraw(connection, worker)
    ended = 0
    for lane in lanes.lanes(connection):
        key = _registry_key(lane)
        for entry in cast("list[bytes]", connection.zrange(key, 0, -1)):
            holder = cast("bytes | None", connection.hget(_execution(entry), "worker_name"))
            if holder == worker.encode():
                connection.zadd(key, {entry: 1}, xx=True)
        ended += _requeue_expired(connection, lane)
        connection.srem(f"rq:workers:{lane.name}", f"rq:worker:{worker}")
    connection.srem("rq:workers", f"rq:worker:{worker}")
    connection.delete(f"rq:worker:{worker}")
    return ended


class Sweep:
    """Finds what dead workers left: expired leases, and jobs stranded between lane and lease."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection
        self._stranded: dict[tuple[Lane, bytes], float] = {}

    def run(self) -> int:
        """Requeue, or fail, what was left; returns how many jobs. One process at a time sweeps."""
        if not self.connection.set(SWEEP_LOCK, 1, nx=True, ex=BEAT):
            return 0
        all_lanes = lanes.lanes(self.connection)
        swept = sum(_requeue_expired(self.connection, lane) for lane in all_lanes)
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
                job_key = Job.key_for(job_id.decode())
                keys = [intermediate_key(lane), f"rq:queue:{lane.name}", lanes.BELL, job_key]
                back += cast("int", self.connection.eval(PUT_BACK, len(keys), *keys, job_id))
        return back


def recover_all(connection: Redis) -> int:
    """Requeue every job whose lease has expired; returns how many."""
    return sum(_requeue_expired(connection, lane) for lane in lanes.lanes(connection))


def intermediate_key(lane: Lane) -> str:
    """Where RQ keeps a job between its lane and its lease."""
    return f"rq:queue:{lane.name}:intermediate"


def _requeue_expired(connection: Redis, lane: Lane) -> int:
    key = _registry_key(lane)
    with connection.pipeline() as pipe:
        while True:
            try:
                # The watch makes the requeue fail where a worker settled or renewed meanwhile.
                pipe.watch(key)
                expired = cast("list[bytes]", pipe.zrangebyscore(key, 0, time.time()))
                if not expired:
                    return 0
                pipe.multi()
                for entry in expired:
                    job_id, _ = parse_composite_key(entry.decode())
                    pipe.zrem(key, entry)
                    pipe.delete(_execution(entry))
                    try:
                        job = fetch(connection, job_id)
                    except NoSuchJobError:
                        continue
                    if connection.hexists(job.key, Field.CANCEL):
                        settle.cancel(pipe, job)
                    elif job.retries_left:
                        settle.give_back(pipe, job, crashed=True)
                    else:
                        settle.fail(pipe, job, job.worker_name or "", DIED)
                pipe.execute()
                return len(expired)
            except WatchError:
                continue


def _registry_key(lane: Lane) -> str:
    return f"rq:wip:{lane.name}"


def _execution(entry: bytes) -> str:
    return f"rq:execution:{entry.decode()}"
