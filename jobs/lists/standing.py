"""How the queue stands at one moment: what runs, what waits, how fast the workers are.

One look answers for every job of a page, in as many commands whatever the number of lanes.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from redis import Redis
from redis.client import Pipeline

from jobs.lists.forecast import Forecast
from jobs.lists.open_jobs import FIELDS, OpenJob, Size, open_job, status_of
from jobs.records import columns, lanes, workers
from jobs.records.events import ENDED
from jobs.records.lanes import Lane
from jobs.records.record import JobRecord
from jobs.records.shares import Turn
from jobs.records.shares import turn as turn_of
from jobs.records.workers import WorkerInfo
from jobs.request.extent import Extent
from jobs.request.request import ResolvedRequest

OPEN = "darkroom:open"
"""Sorted set: the jobs that have not ended, each with its size, see `Size.score`."""


MOVES = "darkroom:moves"
"""Counts how often jobs changed places in their lanes."""


SHORT = 32
"""Jobs that wait in a queue that may be played through for a question."""


def moves(connection: Redis) -> int:
    """How often jobs have changed places by now."""
    return _count(cast("bytes | None", connection.get(MOVES)))


def _count(said: bytes | None) -> int:
    return int(said or 0)


def add(pipe: Pipeline, job_id: str, request: ResolvedRequest) -> None:
    """The job waits from now on."""
    pipe.zadd(OPEN, {job_id: Size.asked(request).score})


def remove(pipe: Pipeline, job_id: str) -> None:
    """The job has ended or is gone."""
    pipe.zrem(OPEN, job_id)


def prune(connection: Redis) -> None:
    """Forget jobs whose end was not told here, as by a worker of an earlier version."""
    rows = columns.read(connection, OPEN, ["#", "rq:job:*->status"])
    ended = [job_id for job_id, status in rows if status is None or status_of(status) in ENDED]
    if ended:
        connection.zrem(OPEN, *(job_id or b"" for job_id in ended))


def look(connection: Redis) -> Standing:
    """How the queue stands now, in six commands."""
    live = workers.live(connection)
    get = ["#", *(f"rq:job:*->{field}" for field in FIELDS)]
    with connection.pipeline(transaction=False) as pipe:
        pipe.get(MOVES)
        pipe.zrange(OPEN, 0, -1, withscores=True)
        columns.ask(pipe, OPEN, get)
        moved, sizes, reply = cast(
            "tuple[bytes | None, list[tuple[bytes, float]], object]", pipe.execute()
        )
    rows = columns.rows(reply, get)
    scores = dict(sizes)
    every = [job for row in rows if (job := open_job(row, scores))]
    callers = sorted({job.lane.caller for job in every if not job.running})
    had, served, places = lanes.had_served_and_places(connection, callers)
    # Jobs of lanes in their order, and what a worker is about to take, as they came.
    every.sort(key=lambda job: (places.get(job.id, -1), job.id))
    warm = {lanes.plain(model) for worker in live for model in worker.warm}
    running = [job for job in every if job.running]
    shares = Shares(had, served, warm)
    return Standing(running, in_turn(every, shares), shares, live, moves=_count(moved))


@dataclass(frozen=True)
class Shares:
    """By what turns go: what each waiting caller had of the device, when he was served, which
    models are warm, as lanes name them."""

    had: Mapping[str, float]
    served: Mapping[str, float]
    warm: Collection[str]


class Standing:
    """One look at the queue: what runs, and what waits, in the order in which it begins.

    `moves` is how often jobs had changed places before it.
    """

    def __init__(
        self,
        running: Sequence[OpenJob],
        order: Sequence[OpenJob],
        shares: Shares,
        live: Sequence[WorkerInfo],
        *,
        moves: int,
    ) -> None:
        self.moves = moves
        self._live = live
        self._running = running
        self._order = order
        self._shares = shares
        self._places = {job.id: place for place, job in enumerate(order)}
        self._rate = sum(worker.jobs_per_second or 0 for worker in live)

    def joined(self, record: JobRecord) -> Standing | None:
        """This look with a job that came after it, last of its lane, the others as they were then.

        None where it does not say enough of the caller: another look must be taken.
        """
        lane = lanes.parse(record.lane)
        if lane is None or all(job.lane.caller != lane.caller for job in self._order):
            return None
        size = Size.of(Size.asked(record.request).score)
        new = OpenJob(record.id, lane, size, None, float(size.steps), extent=record.extent)
        # Nothing changes for whom comes before: the lane's turn is another's until then.
        places = (place for place, job in enumerate(reversed(self._order)) if job.lane == lane)
        since = next(places, len(self._order))
        at = len(self._order) - since
        before, after = self._order[:at], self._order[at:]
        later = in_turn([*self._running, *after, new], self._shares, before)
        more = Standing(
            self._running, [*before, *later], self._shares, self._live, moves=self.moves
        )
        if later[-1] is new and (ends := self._forecast.with_last(new)):
            more._forecast = ends
        return more

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._order)

    def position(self, record: JobRecord) -> int | None:
        """How many jobs begin before this one; None if it does not wait."""
        return self._places.get(record.id) if record.status == "queued" else None

    def knows(self, record: JobRecord) -> bool:
        """Whether a job that waits is among those that this look found waiting."""
        return record.status != "queued" or record.id in self._places

    def played(self) -> Standing:
        """This look, with the time of every job worked out."""
        _ = self._forecast
        return self

    def eta(self, record: JobRecord) -> float | None:
        """Seconds until the job should be done, by what was measured; None where that is not
        enough."""
        if record.all_made:
            # Its worker alone knows, or does not: a store may be away.
            return None if record.storing is None else round(record.storing, 2)
        plain = Size.asked(record.request).plain
        seconds = self._forecast.ends.get(record.id) if plain else None
        if seconds is None and record.status == "running":
            # What it was seen to take so far; what storing takes is its worker's to say.
            steps = record.progress.steps - record.progress.step if record.progress else 0
            if not steps or record.seconds_per_step is None:
                return None
            seconds = max(steps * record.seconds_per_step, record.storing or 0.0)
        return None if seconds is None else round(seconds, 2)

    def would_end(
        self, lane: Lane, request: ResolvedRequest, extent: Extent | None = None
    ) -> float | None:
        """Seconds until a job should be done that came to this lane now; None where what was
        measured is not enough, or many jobs wait and the others' times would not stay theirs.
        """
        size = Size.of(Size.asked(request).score)
        if not size.plain:
            return None
        new = OpenJob("", lane, size, None, float(size.steps), extent=extent)
        order = in_turn([*self._running, *self._order, new], self._shares)
        ends = self._forecast.with_last(new) if order[-1] is new else None
        if ends is None and self.waiting < SHORT:
            ends = Forecast(self._running, order, self._live)
        seconds = ends.ends.get(new.id) if ends else None
        return None if seconds is None else round(seconds, 2)

    def retry_after(self) -> int | None:
        """Whole seconds until a tenth of the queue should be done; None where nothing was
        measured."""
        if not self._rate:
            return None
        return min(600, max(1, round(self.waiting / 10 / self._rate)))

    @cached_property
    def _forecast(self) -> Forecast:
        return Forecast(self._running, self._order, self._live)


def in_turn(
    every: Sequence[OpenJob], shares: Shares, begun: Sequence[OpenJob] = ()
) -> list[OpenJob]:
    """The jobs that wait, in the order in which they begin: as workers take them, one by one.

    Those of a lane come in the order in which they wait there; `begun` are under way by then, as
    those are that run.
    """
    held: Counter[str] = Counter()
    queues: defaultdict[Lane, deque[OpenJob]] = defaultdict(deque)
    of_caller: defaultdict[str, list[Lane]] = defaultdict(list)
    for job in begun:
        held[job.lane.caller] += job.size.pictures
    for job in every:
        if job.running:
            held[job.lane.caller] += job.size.pictures
            continue
        if job.lane not in queues:
            of_caller[job.lane.caller].append(job.lane)
        queues[job.lane].append(job)

    def turn(lane: Lane) -> tuple[Turn, str, Lane, int]:
        turn = turn_of(
            lane,
            held=held[lane.caller],
            cold=lane.model not in shares.warm,
            tag=shares.had.get(lane.caller, 0.0),
            served=shares.served.get(lane.caller, 0.0),
        )
        return turn, queues[lane][0].id, lane, held[lane.caller]

    heap = [turn(lane) for lane in queues]
    heapq.heapify(heap)
    order: list[OpenJob] = []
    while heap:
        _, _, lane, as_of = heapq.heappop(heap)
        # Once more of a caller's are under way, his lanes have other turns.
        if as_of != held[lane.caller] or not queues[lane]:
            continue
        job = queues[lane].popleft()
        order.append(job)
        held[lane.caller] += job.size.pictures
        for each in of_caller[lane.caller]:
            if queues[each]:
                heapq.heappush(heap, turn(each))
    return order
