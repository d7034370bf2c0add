"""When each job should end: the workers' fair sharing played through, at the costs they measured.

A simplification of `worker/engine/batcher.py`: time flows, and callers share each worker's device
by weight. In the forwards of each kind of picture is always whoever has fewest rows for what he is
owed; the others are in as many as they are owed, and in more where that costs next to nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from jobs.lists.open_jobs import OpenJob
from jobs.records import lanes
from jobs.records.shares import BEYOND, WEIGHTS
from jobs.records.workers import PictureCost, WorkerInfo

NEXT_TO_NOTHING = 1.1
"""By how much a forward may take longer for those who are owed nothing (`batcher.py`)."""

ALIKE = 1.5
"""Pictures whose areas are no further apart count as measured; of others nothing is known."""

MOST = 250
"""Ends that are played through; what begins later follows at their pace."""


@dataclass(eq=False)
class Run:
    """A job under way: `left` steps of each picture, at `speed` a second, then `tail` seconds, and
    `files` for storing what is made then."""

    job: OpenJob
    cost: PictureCost
    left: float
    tail: float
    files: float
    begins: float
    speed: float = 0.0
    rows: int = field(init=False)
    """Rows of a forward that all its pictures take."""
    around: float = field(init=False)
    """Seconds beside its steps that it takes from others, by the step."""

    def __post_init__(self) -> None:
        size, beside = self.job.size, self.cost.encode + self.cost.decode
        self.rows = size.pictures * (2 if size.guided else 1)
        self.around = size.pictures * beside / max(1, size.steps)


@dataclass(eq=False)
class Worker:
    """A worker and what it has under way."""

    info: WorkerInfo
    runs: list[Run] = field(default_factory=list[Run])
    shared_by: list[Run] = field(default_factory=list[Run])
    """Those that had begun when speeds were last worked out."""
    _costs: dict[tuple[str, int], PictureCost | None] = field(
        default_factory=dict[tuple[str, int], "PictureCost | None"]
    )

    @property
    def pictures(self) -> int:
        """How many it makes, or has places for."""
        return sum(run.job.size.pictures for run in self.runs)

    def holds(self, caller: str) -> bool:
        """Whether a job of this caller is under way."""
        return any(run.job.lane.caller == caller for run in self.runs)

    def cost(self, job: OpenJob) -> PictureCost | None:
        """What a picture of this job costs here, as measured at about its size."""
        if job.extent and job.extent.upscaler:
            return self._enlarging(job, job.extent.upscaler)
        model, area = asked = job.lane.model, job.size.width * job.size.height
        if asked not in self._costs:
            near = [
                each
                for each in self.info.costs
                if lanes.plain(each.model) == model and area / ALIKE <= each.area <= area * ALIKE
            ]
            self._costs[asked] = min(near, key=lambda each: abs(each.area - area), default=None)
        return self._costs[asked]

    def ready_in(self, model: str) -> float | None:
        """Seconds until a model, as lanes name it, can begin here; None where nobody knows."""
        if model in map(lanes.plain, self.info.warm):
            return 0.0
        return {lanes.plain(each): time for each, time in self.info.ready_in.items()}.get(model)

    def share(self, now: float) -> None:
        """Give what has begun its speed, where that is not as it was."""
        begun = [run for run in self.runs if run.begins <= now]
        if begun != self.shared_by:
            share(begun)
            self.shared_by = begun

    def run(self, job: OpenJob, now: float) -> Run | None:
        """The job under way from now; None where its cost or its model's loading is not known."""
        cost, delay = self.cost(job), self.ready_in(job.lane.model)
        if cost is None or delay is None:
            return None
        to_make = job.size.pictures - job.made
        tail, files = cost.decode * to_make, self.info.finish(job.stored, to_make)
        if job.running:
            delay += job.reading or 0.0
        else:
            tail += cost.encode * to_make
            delay += self.info.prepare.seconds(job.extent.given if job.extent else 0) or 0.0
        return Run(job, cost, job.left, tail, files, now + delay)

    def _enlarging(self, job: OpenJob, upscaler: str) -> PictureCost | None:
        """What is only enlarged takes no steps, and its upscaler's time."""
        measured = self.info.enlarging.get(upscaler)
        seconds = measured and measured.seconds(job.stored)
        if seconds is None:
            return None
        size = job.size
        return PictureCost(
            model=job.lane.model,
            width=size.width,
            height=size.height,
            fixed=0.0,
            per_row=0.0,
            rows=1,
            encode=0.0,
            decode=seconds,
        )


class Forecast:
    """When each job should end, in seconds by its id; `order` has those that wait as they begin.

    Missing is what depends on something that nobody measured: all jobs that wait, where something
    runs whose cost is not known. What is being stored ends when its worker says.
    """

    def __init__(
        self, running: Sequence[OpenJob], order: Sequence[OpenJob], live: Sequence[WorkerInfo]
    ) -> None:
        self.ends: dict[str, float] = {}
        self._now = 0.0
        self._ended = 0
        self._workers = [Worker(info) for info in live]
        self._to_wait_for(order)
        self._callers = {job.lane.caller for job in order}
        self._all_begun: _Moment | None = None
        self._pace: _Pace | None = None
        self._known = bool(live) and self._place(running)
        if self._known:
            self._play()

    def with_last(self, job: OpenJob) -> Forecast | None:
        """This with one more that begins after all others, as if all were played again.

        None where that would have to be done.
        """
        if not self._known:
            return self
        if self._pace is not None:
            return self._later(job, self._pace)
        if self._all_begun is None or self._callers - {job.lane.caller}:
            # Who has nothing under way goes first, which may be this one.
            return None
        more = copy(self)
        more.ends = dict(self.ends)
        more._callers = {job.lane.caller}
        more._go_back_to(self._all_begun)
        more._to_wait_for([job])
        more._play()
        return more

    def _later(self, job: OpenJob, pace: _Pace) -> Forecast | None:
        if job.lane.caller not in pace.callers:
            return None
        if not any(worker.run(job, 0.0) for worker in self._workers):
            return self
        more = copy(self)
        more._pace = pace = replace(pace, before=pace.before + 1)
        more.ends = self.ends | {job.id: self._now + pace.before / pace.jobs_a_second}
        return more

    def _to_wait_for(self, order: Sequence[OpenJob]) -> None:
        self._queue = deque(order)
        self._waiting = {job.id: job for job in order}
        self._next: defaultdict[str, deque[OpenJob]] = defaultdict(deque)
        for job in order:
            self._next[job.lane.caller].append(job)

    def _play(self) -> None:
        self._all_begun = None
        self._admit()
        while (soon := self._soonest()) and self._ended < MOST:
            run, seconds = soon
            self._pass(seconds)
            if run.left <= 1e-9:
                self._end(run)
        if self._waiting and self._ended >= MOST:
            self._at_the_pace_of(self._ended / self._now)

    def _go_back_to(self, then: _Moment) -> None:
        self._now, self._ended = then.now, then.ended
        self._workers = [Worker(each.info) for each in self._workers]
        for worker, runs in zip(self._workers, then.runs, strict=True):
            worker.runs = [copy(run) for run in runs]

    def _place(self, running: Sequence[OpenJob]) -> bool:
        """Put what runs where it runs; whether all of it is known."""
        for job in running:
            if job.storing is not None and job.made >= job.size.pictures:
                # It needs nothing of a device any more.
                self.ends[job.id] = job.storing
                continue
            worker = next((each for each in self._workers if each.info.name == job.worker), None)
            run = worker.run(job, 0.0) if worker else None
            if worker is None or run is None:
                return False
            worker.runs.append(run)
        return True

    def _soonest(self) -> tuple[Run, float] | None:
        """What happens next, and in how many seconds: a job's last step, or its beginning."""
        every: list[tuple[Run, float]] = []
        for worker in self._workers:
            worker.share(self._now)
            for run in worker.runs:
                begun = run.begins <= self._now
                every.append((run, run.left / run.speed if begun else run.begins - self._now))
        return min(every, key=lambda each: each[1], default=None)

    def _pass(self, seconds: float) -> None:
        for worker in self._workers:
            for run in worker.runs:
                if run.begins <= self._now:
                    run.left -= seconds * run.speed
        self._now += seconds

    def _end(self, run: Run) -> None:
        self._ended += 1
        # What is made already is being stored meanwhile, and goes first.
        self.ends[run.job.id] = max(self._now + run.tail, run.job.storing or 0.0) + run.files
        worker = next(each for each in self._workers if run in each.runs)
        worker.runs.remove(run)
        caller = run.job.lane.caller
        waiting = self._next[caller]
        while waiting and waiting[0].id not in self._waiting:
            waiting.popleft()
        if waiting and not any(each.holds(caller) for each in self._workers):
            self._take(waiting[0])
        self._admit()

    def _admit(self) -> None:
        """Begin what waits, in its order, as far as there is room."""
        while self._queue:
            if self._queue[0].id in self._waiting and not self._take(self._queue[0]):
                return
            self._queue.popleft()
        if self._all_begun is None:
            runs = [[copy(run) for run in worker.runs] for worker in self._workers]
            self._all_begun = _Moment(self._now, self._ended, runs)

    def _take(self, job: OpenJob) -> bool:
        """Begin a job if there is room; one whose end nobody knows takes none."""
        new = not any(worker.holds(job.lane.caller) for worker in self._workers)
        able = [(worker, run) for worker in self._workers if (run := worker.run(job, self._now))]
        if able:
            most = BEYOND if new else 1
            room = [each for each in able if each[0].pictures < each[0].info.capacity * most]
            if not room:
                return False
            worker, run = min(room, key=lambda each: (each[1].begins, each[0].pictures))
            worker.runs.append(run)
        del self._waiting[job.id]
        return True

    def _at_the_pace_of(self, jobs_a_second: float) -> None:
        before = sum(len(worker.runs) for worker in self._workers)
        for job in self._waiting.values():
            if any(worker.run(job, 0.0) for worker in self._workers):
                before += 1
                self.ends[job.id] = self._now + before / jobs_a_second
        callers = {job.lane.caller for job in self._waiting.values()}
        self._pace = _Pace(jobs_a_second, before, callers)


@dataclass(frozen=True)
class _Moment:
    """How things stand once nothing waits any more; `runs` are each worker's."""

    now: float
    ended: int
    runs: list[list[Run]]


@dataclass(frozen=True)
class _Pace:
    """At which whatever was not played through ends, and whose that is."""

    jobs_a_second: float
    before: int
    callers: set[str]


def share(runs: Sequence[Run]) -> None:
    """Give each of a worker's runs its speed, in steps a second of each of its pictures."""
    weights: defaultdict[str, list[float]] = defaultdict(list)
    pictures: defaultdict[str, int] = defaultdict(int)
    for run in runs:
        weights[run.job.lane.caller].append(WEIGHTS[run.job.lane.priority])
        pictures[run.job.lane.caller] += run.job.size.pictures
    owed = {caller: sum(each) / len(each) for caller, each in weights.items()}
    total = sum(owed.values())
    # By the object: what a worker measured it says once, and hashing all of it takes longer.
    kinds: defaultdict[int, list[Run]] = defaultdict(list)
    for run in runs:
        kinds[id(run.cost)].append(run)
    for alike in kinds.values():
        # A caller's part goes to his pictures alike, of whatever kind.
        parts: defaultdict[str, float] = defaultdict(float)
        rows: defaultdict[str, int] = defaultdict(int)
        for run in alike:
            caller = run.job.lane.caller
            parts[caller] += owed[caller] * run.job.size.pictures / pictures[caller] / total
            rows[caller] += run.rows
        _share_forwards(alike[0].cost, alike, parts, rows)


def _share_forwards(
    cost: PictureCost, runs: Sequence[Run], parts: dict[str, float], rows: dict[str, int]
) -> None:
    fewest = min(rows[caller] / parts[caller] for caller in parts)
    often = {caller: min(1.0, fewest * parts[caller] / rows[caller]) for caller in parts}
    fair, most = sum(often[caller] * rows[caller] for caller in parts), sum(rows.values())
    if most > fair:
        spare = (NEXT_TO_NOTHING - 1) * cost.forward(fair) / cost.per_row if cost.per_row else most
        extra = min(1.0, max(0.0, min(spare, cost.rows - fair)) / (most - fair))
        often = {caller: each + (1 - each) * extra for caller, each in often.items()}
    forward = cost.forward(sum(often[caller] * rows[caller] for caller in parts))
    whole = sum(parts.values())
    shares = [often[run.job.lane.caller] for run in runs]
    beside = sum(each * run.around for each, run in zip(shares, runs, strict=True))
    for each, run in zip(shares, runs, strict=True):
        # Its own encode and decode come before and after its steps.
        round_s = forward + beside - each * run.around
        run.speed = whole * each / max(round_s, 1e-9)
