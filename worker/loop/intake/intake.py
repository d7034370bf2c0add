"""Takes jobs from the lanes in their turn: while there is room, and whoever has nothing here."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from jobs import tracing
from jobs.queue import leases, settle, suspects
from jobs.queue.queue import TRACE
from jobs.records import lanes, shares, workers
from jobs.records.events import StatusEvent, publish
from jobs.records.lanes import Lane
from jobs.records.metrics import Metrics
from jobs.records.record import Field, fetch, read
from jobs.tracing import Work
from worker.engine import Shares
from worker.loop.board import Board
from worker.loop.intake.inputs import Inputs
from worker.loop.intake.isolation import Admission, Isolation
from worker.loop.intake.places import Places
from worker.loop.lease import Lease
from worker.loop.offer import Offer
from worker.loop.slot import Slot

log = logging.getLogger("darkroom.worker")

BELL_WAIT = 1
"""Seconds to wait for the bell before looking at the lanes anyway: a ring can be lost."""

AT_ONCE = 4
"""Jobs that one look at the lanes may let in: whoever comes meanwhile waits until so many are
moved, some milliseconds each."""

PLENTY = 8
"""Jobs that wait for each that is let in beyond the first: other workers are to have some, too."""

FULL_WAIT = 0.05
"""Seconds between two looks, with all places taken, at whether somebody came who has none."""

PATIENCE = 30.0
"""Seconds for which a job is left to a worker that has its model in memory before this one, which
has not, takes it in beyond its places."""


@dataclass
class Waiting:
    """How many jobs wait in each lane, and when each of their callers was served last."""

    lengths: dict[Lane, int]
    served: dict[str, float]

    @property
    def lanes(self) -> list[Lane]:
        """Those in which some wait."""
        return [lane for lane, length in self.lengths.items() if length]

    def took(self, lane: Lane) -> None:
        """Its first job waits no more, and its caller was served after all others."""
        self.lengths[lane] -= 1
        self.served[lane.caller] = math.nextafter(max(self.served.values()), math.inf)


class Intake:
    """The intake thread of a worker.

    `own` is what callers had of this worker's engine. `name` is the worker's, in whose name leases
    are taken; `listen` is told the lanes that it serves by now.
    """

    def __init__(
        self,
        board: Board,
        connection: Redis,
        offer: Offer,
        inputs: Inputs,
        metrics: Metrics,
        own: Shares,
        *,
        name: str,
        listen: Callable[[list[Lane]], None],
    ) -> None:
        self.board = board
        self.connection = connection
        self.offer = offer
        self.inputs = inputs
        self.metrics = metrics
        self.name = name
        self.taken = 0
        self._listen = listen
        self._taking = False
        self._isolation = Isolation(board, connection, name, lambda: offer.lane_models)
        self._closed = False
        self._unanswered: tuple[Lease, str | None] | None = None
        self._own = own
        self._rung: bytes | None = None
        self._looked = 0.0
        self._cold_since: dict[Lane, float] = {}

    @property
    def open(self) -> bool:
        """Whether another job may still come. One that is being taken when the worker is asked to
        stop is run."""
        return not self.board.warm or self._taking

    def run(self) -> None:
        """Take jobs until the worker stops."""
        while not self.board.warm:
            # Before the look, so that a slot which is forgotten meanwhile is noticed.
            self.board.room.clear()
            try:
                free = self._places().free
                self._taking = True
                found = self.board.warm or ((free or self._news()) and self.take(AT_ONCE))
                self._taking = False
                if found:
                    continue
                if self._closed:
                    # A ring would be for somebody who may take what came.
                    self.board.room.wait(BELL_WAIT)
                elif free:
                    self.connection.blpop([lanes.BELL], BELL_WAIT)
                else:
                    self.board.room.wait(FULL_WAIT)
            except RedisError as error:
                log.error("cannot take jobs: %s", error)
                time.sleep(1)
            finally:
                self._taking = False
        self.board.wake()

    def take(self, most: int = 1) -> bool:
        """Take the job whose turn it is, if there is one and it may run now; where plenty wait and
        there are places for anybody, up to so many of them by one look."""
        if self._recall():
            return True
        admission = self._isolation.admission()
        self._closed = not admission.others
        places = self._places()
        for suspect in admission.first:
            if not places.open_to(suspect.lane):
                continue
            if job := self._pick(suspect.job, suspect.lane):
                return self._begin(job, suspect.lane)
        if self._closed:
            return False
        waiting, found = self._look(), False
        for _ in range(min(most, 1 + sum(waiting.lengths.values()) // PLENTY)):
            for lane in self._in_turn(waiting):
                job = self._dequeue(lane, admission)
                if job is None:
                    waiting.lengths[lane] = 0
                    continue
                found = self._begin(job, lane) or found
                waiting.took(lane)
                break
            else:
                return found
            if self._closed or self.board.warm or not self._places().free:
                break
        return found

    def _begin(self, job: Job, lane: Lane) -> bool:
        """Whether the job was taken, or another may be."""
        slot = self._admit(job, lane)
        if slot is None:
            return not self._closed
        self._keep(slot)
        return True

    def _dequeue(self, lane: Lane, admission: Admission) -> Job | None:
        """The first job of a lane that is no suspect, moved to where it is between lane and lease;
        None where there is none."""
        suspected = admission.waiting(lane)
        if not suspected:
            # One queue at a time: only then does RQ move the id instead of popping it.
            found = Queue.dequeue_any(
                [lane.queue(self.connection)], None, self.connection, serializer=JSONSerializer
            )
            return found[0] if found else None
        ids = cast("list[bytes]", self.connection.lrange(f"rq:queue:{lane.name}", 0, suspected))
        for job_id in (each.decode() for each in ids):
            if admission.admits(job_id):
                return self._pick(job_id, lane)
        return None

    def _pick(self, job_id: str, lane: Lane) -> Job | None:
        between = leases.intermediate_key(lane)
        if suspects.pick(self.connection, lane, job_id, between):
            with suppress(NoSuchJobError):
                return fetch(self.connection, job_id)
        return None

    def _keep(self, slot: Slot) -> None:
        self.taken += 1
        slot.work = self._traced(slot)
        self.board.hold(slot)
        self.inputs.admit(slot)
        waited = time.time() - slot.record.created_at.timestamp()
        self.metrics.observe("queue_wait_seconds", slot.request.model, max(0.0, waited))

    def _traced(self, slot: Slot) -> Work:
        carrier = slot.job.meta.get(TRACE)
        submitted = slot.record.created_at.timestamp()
        tracing.begin("wait", carrier, since=submitted).end(darkroom__job=slot.id)
        return tracing.begin(
            "run",
            carrier,
            darkroom__job=slot.id,
            darkroom__model=slot.request.model,
            darkroom__pictures=slot.request.count,
            darkroom__attempt=slot.record.attempts,
            darkroom__worker=self.name,
        )

    def _recall(self) -> bool:
        """Keep the job that was being taken when Redis failed, if it was taken: its lease would
        run out with nobody to renew it, and pass for a death."""
        if self._unanswered is None:
            return False
        lease, group = self._unanswered
        record = read(self.connection, lease.job.id) if lease.holds(self.connection) else None
        self._unanswered = None
        if record is None:
            return False
        self._keep(Slot(lease, record, group))
        return True

    def _news(self) -> bool:
        """With all places taken: whether a job came since the last look, or long passed."""
        rung, now = cast("bytes | None", self.connection.get(lanes.RUNG)), time.monotonic()
        if rung == self._rung and now - self._looked < leases.BEAT:
            return False
        self._rung, self._looked = rung, now
        return True

    def _places(self) -> Places:
        return Places(self.board.held(), self.offer.capacity, self.offer.warm_lanes())

    def _look(self) -> Waiting:
        """What waits for this worker now."""
        every = lanes.lanes(self.connection)
        offered = self.offer.lane_models
        mine = [each for each in every if each.model in offered]
        self._listen(mine)
        lengths = lanes.waiting(self.connection, mine)
        waiting = [each for each, length in lengths.items() if length]
        callers = sorted({each.caller for each in waiting})
        had, served = lanes.had_and_served(self.connection, callers)
        present = {*callers, *(slot.lane.caller for slot in self.board.held())}
        self._own.learn(had, present)
        return Waiting(dict(lengths), dict(served))

    def _in_turn(self, waiting: Waiting) -> list[Lane]:
        """The lanes from which a job may be taken now, in the order of their turn."""
        places, warm = self._places(), self.offer.warm_lanes()
        open_lanes = [each for each in waiting.lanes if places.open_to(each)]
        if not places.free:
            open_lanes = self._not_warm_elsewhere(open_lanes, warm)
        order = {
            each: shares.turn(
                each,
                held=places.held(each.caller),
                cold=each.model not in warm,
                tag=self._own.tag(each.caller),
                served=waiting.served[each.caller],
            )
            for each in open_lanes
        }
        return sorted(open_lanes, key=order.__getitem__)

    def _not_warm_elsewhere(self, among: list[Lane], warm: set[str]) -> list[Lane]:
        """Those of the lanes that no worker serves better: their model is here, or nowhere."""
        cold, now = [each for each in among if each.model not in warm], time.monotonic()
        self._cold_since = {each: self._cold_since.get(each, now) for each in cold}
        if not cold:
            return among
        there = {lanes.plain(name) for each in workers.live(self.connection) for name in each.warm}
        return [
            each
            for each in among
            if each.model in warm
            or each.model not in there
            or now - self._cold_since[each] > PATIENCE
        ]

    def _admit(self, job: Job, lane: Lane) -> Slot | None:
        """One transaction from the lane to a lease, so that no kill leaves a job in between."""
        between = leases.intermediate_key(lane)
        with self.connection.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(between, job.key, suspects.SUSPECTS)
                    mine = pipe.lpos(between, job.id) is not None
                    status, stop = cast(
                        "list[bytes | None]", pipe.hmget(job.key, "status", Field.CANCEL)
                    )
                    admission = self._isolation.admission()
                    pipe.multi()
                    pipe.lrem(between, 1, job.id)
                    if not mine or status != JobStatus.QUEUED.value.encode():
                        pipe.execute()
                        return None
                    if stop is not None:
                        settle.cancel(pipe, job)
                        pipe.execute()
                        return None
                    if self._must_wait(job.id, admission):
                        pipe.lpush(f"rq:queue:{lane.name}", job.id)
                        pipe.execute()
                        self._closed = True
                        return None
                    lease = self._lease(pipe, job, lane)
                    suspect = admission.suspects.get(job.id)
                    if suspect:
                        suspects.hold(pipe, suspect, self.name)
                    group = suspect.group if suspect else None
                    self._unanswered = (lease, group)
                    pipe.execute()
                    break
                except WatchError:
                    self._unanswered = None
                    continue
        record = read(self.connection, job.id)
        self._unanswered = None
        return None if record is None else Slot(lease, record, group)

    def _must_wait(self, job_id: str, admission: Admission) -> bool:
        """Whether a job has to stay in its lane: it may not run beside what this worker holds, or
        it is one whose lease this worker lost and that it has not let go of."""
        if earlier := self.board.get(job_id):
            self.board.lose(earlier)
        return earlier is not None or not admission.admits(job_id)

    def _lease(self, pipe: Pipeline, job: Job, lane: Lane) -> Lease:
        lease = Lease.take(pipe, job, self.name)
        pipe.hincrby(job.key, Field.ATTEMPTS, 1)
        lanes.take_turn(pipe, lane.caller)
        publish(pipe, settle.owner_of(job), StatusEvent(job=job.id, status="running"))
        return lease
