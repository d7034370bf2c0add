"""How the queue stands at one moment: what runs, what waits, how fast the workers are.

One look answers for every job of a page, in as many commands whatever the number of lanes.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, cast

from redis import Redis
from redis.client import Pipeline

from jobs.records import columns, lanes, workers
from jobs.records.events import ENDED, Status
from jobs.records.lanes import Lane
from jobs.records.record import STATUSES, Field, JobRecord
from jobs.records.workers import WorkerInfo
from jobs.request.request import ResolvedRequest

OPEN = "darkroom:open"
"""Sorted set: the jobs that have not ended, each with its size, see `Size.score`."""

FIELDS = ("status", "origin", Field.PROGRESS)
"""What a look reads of each open job."""


class Size(NamedTuple):
    """How much a job is: the steps of each of its pictures, and how many pictures."""

    steps: int
    pictures: int

    @property
    def score(self) -> int:
        """The size as one number, which a sorted set keeps."""
        return self.steps * 1024 + self.pictures

    @classmethod
    def of(cls, score: float) -> Size:
        """The size that a score stands for."""
        return cls(*divmod(int(score), 1024))


@dataclass(frozen=True)
class OpenJob:
    """A job that has not ended, as far as others' time depends on it."""

    id: str
    lane: Lane
    size: Size
    running: bool
    forward: float | None
    """Seconds of one step of all its pictures, as measured; None before its second one."""
    left: float
    """Steps that each of its pictures still needs."""


def add(pipe: Pipeline, job_id: str, request: ResolvedRequest) -> None:
    """The job waits from now on."""
    pipe.zadd(OPEN, {job_id: Size(request.steps, request.count).score})


def remove(pipe: Pipeline, job_id: str) -> None:
    """The job has ended or is gone."""
    pipe.zrem(OPEN, job_id)


def prune(connection: Redis) -> None:
    """Forget jobs whose end was not told here, as by a worker of an earlier version."""
    rows = columns.read(connection, OPEN, ["#", "rq:job:*->status"])
    ended = [job_id for job_id, status in rows if status is None or _state(status) in ENDED]
    if ended:
        connection.zrem(OPEN, *(job_id or b"" for job_id in ended))


def look(connection: Redis) -> Standing:
    """How the queue stands now, in five commands."""
    live = workers.live(connection)
    get = ["#", *(f"rq:job:*->{field}" for field in FIELDS)]
    with connection.pipeline(transaction=False) as pipe:
        pipe.zrange(OPEN, 0, -1, withscores=True)
        columns.ask(pipe, OPEN, get)
        sizes, reply = cast("tuple[list[tuple[bytes, float]], object]", pipe.execute())
    rows = columns.rows(reply, get)
    scores = dict(sizes)
    every = [job for row in rows if (job := _open_job(row, scores))]
    callers = sorted({job.lane.caller for job in every if not job.running})
    return Standing(every, lanes.turns(connection, callers), live)


class Standing:
    """One look at the queue. `served` has when each waiting caller had a turn."""

    def __init__(
        self, every: Sequence[OpenJob], served: Mapping[str, float], live: Sequence[WorkerInfo]
    ) -> None:
        self._running = [job for job in every if job.running]
        self._order = in_turn([job for job in every if not job.running], served)
        self._places = {job.id: place for place, job in enumerate(self._order)}
        self._capacity = sum(worker.capacity for worker in live)
        self._rate = sum(worker.jobs_per_second or 0 for worker in live)
        self._warm = {lanes.plain(model) for worker in live for model in worker.warm}
        self._ends = self._simulated()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._order)

    def position(self, record: JobRecord) -> int | None:
        """How many jobs go before this one, callers taking turns; None if it does not wait."""
        return self._places.get(record.id) if record.status == "queued" else None

    def eta(self, record: JobRecord) -> float | None:
        """Seconds until the job should be done, as measured; None where nothing was."""
        if record.status == "running":
            if record.progress is None or record.seconds_per_step is None:
                return None
            left = record.progress.steps - record.progress.step
            return round(left * record.seconds_per_step, 2)
        place = self.position(record)
        # How long a model takes to load was not measured.
        if place is None or lanes.plain(record.request.model) not in self._warm:
            return None
        seconds = self._ends.get(record.id)
        if seconds is None and self._rate:
            seconds = (len(self._running) + place + 1) / self._rate
        return None if seconds is None else round(seconds, 2)

    def retry_after(self) -> int | None:
        """Whole seconds until a tenth of the queue should be done; None where nothing was
        measured."""
        if not self._rate:
            return None
        return min(600, max(1, round(self.waiting / 10 / self._rate)))

    def _simulated(self) -> dict[str, float]:
        """When each waiting job should end: it begins where one before it leaves room.

        Empty unless each running job has a measured speed; without what is still unknown of a
        model that does not run now.
        """
        if not self._running or any(job.forward is None for job in self._running):
            return {}
        speeds: dict[str, list[float]] = {}
        for job in self._running:
            speeds.setdefault(job.lane.model, []).append(job.forward or 0.0)
        forward = {model: median(each) for model, each in speeds.items()}
        usual = median([each for speed in speeds.values() for each in speed])
        leaving = [((job.forward or 0.0) * job.left, job.size.pictures) for job in self._running]
        heapq.heapify(leaving)
        held, now, ends = sum(pictures for _, pictures in leaving), 0.0, dict[str, float]()
        for job in self._order:
            while held >= self._capacity and leaving:
                now, pictures = heapq.heappop(leaving)
                held -= pictures
            end = now + job.size.steps * forward.get(job.lane.model, usual)
            heapq.heappush(leaving, (end, job.size.pictures))
            held += job.size.pictures
            if job.lane.model in forward:
                ends[job.id] = end
        return ends


def in_turn(waiting: Sequence[OpenJob], served: Mapping[str, float]) -> list[OpenJob]:
    """The order in which jobs begin: by priority, callers in turn, each one's oldest first."""
    order: list[OpenJob] = []
    for rank in sorted({job.lane.rank for job in waiting}, reverse=True):
        queues: dict[str, deque[OpenJob]] = {}
        for job in sorted(waiting, key=lambda each: each.id):
            if job.lane.rank == rank:
                queues.setdefault(job.lane.caller, deque()).append(job)
        callers = deque(
            sorted(queues, key=lambda caller: (served.get(caller, 0.0), queues[caller][0].id))
        )
        while callers:
            caller = callers.popleft()
            order.append(queues[caller].popleft())
            if queues[caller]:
                callers.append(caller)
    return order


def _open_job(row: tuple[bytes | None, ...], scores: Mapping[bytes, float]) -> OpenJob | None:
    job_id, status, origin, told = row
    lane = lanes.parse(origin.decode()) if origin else None
    state = _state(status) if status else None
    if job_id is None or job_id not in scores or lane is None or state not in ("queued", "running"):
        return None
    size = Size.of(scores[job_id])
    forward, left = None, float(size.steps)
    if state == "running" and told:
        said = json.loads(told)
        left *= 1 - said["progress"]["fraction"]
        seconds = said["seconds_per_step"]
        forward = None if seconds is None else seconds * size.pictures
    return OpenJob(job_id.decode(), lane, size, state == "running", forward, left)


def _state(status: bytes) -> Status | None:
    return STATUSES.get(status.decode())
