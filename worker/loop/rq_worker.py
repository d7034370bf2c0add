"""An RQ worker that holds many jobs at once: the only place that knows a worker's internals of RQ.

The threads of the process and what each may touch:
- main: the engine, and nothing that waits for Redis, so an outage never stops the steps;
- intake: takes jobs from the lanes while there is room;
- inputs: read the pictures that a job starts from;
- settlers: encode, store and settle what the engine finished;
- beat: renews leases, notices cancels and lost leases, sweeps up after dead workers;
- reporter: progress and previews.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
import time
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.command import parse_payload
from rq.utils import now as utcnow
from rq.utils import utcformat
from rq.worker import WorkerStatus
from rq.worker_registration import register

from jobs.pictures.image_store import ImageStore
from jobs.queue import leases
from jobs.queue.events import Error
from jobs.queue.lanes import Lane
from jobs.queue.metrics import Metrics
from jobs.request.model_card import ModelCard
from worker.engine import Engine, EngineError, Finished, ImageRequest
from worker.loop.beat import Beat
from worker.loop.inputs import Inputs
from worker.loop.intake import Intake
from worker.loop.offer import Offer
from worker.loop.reporter import Reporter
from worker.loop.retention import Retention
from worker.loop.safety import SafetyHook
from worker.loop.settler import Settler
from worker.loop.slot import Slot, parse_task_id

log = logging.getLogger("darkroom.worker")

WORKER_TTL = 20
"""RQ raises the connection's time-out to this less five seconds."""

IDLE_WAIT = 0.5
"""Seconds the engine's thread sleeps with nothing to do; work that comes wakes it at once."""

LOADING_WAIT = 0.02
"""Seconds between two looks at a model that is being loaded."""


def generate(request: dict[str, Any], owner: str) -> None:
    """The function that RQ shows for our jobs. `darkroom worker` steps jobs together instead of
    calling it, and a plain `rq worker` is told so."""
    raise RuntimeError("Darkroom's jobs are run by `darkroom worker`, not by `rq worker`")


class BatchWorker(Worker):
    """Runs the jobs of all lanes in one engine until it is asked to stop.

    The first SIGTERM or SIGINT finishes what runs and takes nothing new; the second gives the
    jobs back to the front of their lanes, at no cost to their attempts.
    """

    def __init__(
        self,
        name: str,
        connection: Redis,
        engine: Engine,
        store: ImageStore,
        offer: Offer,
        metrics: Metrics,
        *,
        capacity: int,
        stall_timeout: float,
        keep_days: int,
        warm_up: bool = False,
        safety: SafetyHook | None = None,
    ) -> None:
        super().__init__([], name=name, connection=connection, worker_ttl=WORKER_TTL)
        self.engine = engine
        self.offer = offer
        self.slots: dict[str, Slot] = {}
        self.inbox: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self.wake = threading.Event()
        self.over = threading.Event()
        self.warm = threading.Event()
        self.cold = threading.Event()
        self.stepped = time.monotonic()
        self.stall_timeout = stall_timeout
        self._to_measure = [warm_up_request(card) for card in offer.cards if card.batched]
        if not warm_up:
            self._to_measure.clear()
        self.intake = Intake(self, metrics, capacity)
        self.inputs = Inputs(self, store)
        self.settler = Settler(self, store, metrics, safety)
        self.beat = Beat(self, metrics, Retention(connection, store, keep_days))
        self.reporter = Reporter(self, previews=safety is None or not safety.hides)

    def work(self, *_: Any, **__: Any) -> bool:
        """Run until stopped. Returns whether any job was run."""
        self.bootstrap(None)
        self._install_signal_handlers()
        self.offer.advertise(self)
        threads = [
            threading.Thread(target=part.run, name=part.__class__.__name__.lower(), daemon=True)
            for part in (self.intake, self.beat, self.reporter)
        ]
        for thread in threads:
            thread.start()
        try:
            while not self.cold.is_set() and (self.slots or self.inbox.qsize() or self._open()):
                self._turn()
        finally:
            self._close(threads)
        return self.intake.taken > 0

    def request_stop(self, signum: int, frame: object) -> None:
        """First signal: finish what runs. Second: give it back. Only flags are set here."""
        if self.warm.is_set():
            self.cold.set()
        self.warm.set()
        self.wake.set()

    def handle_payload(self, message: Any) -> None:
        """A command of RQ's: `stop-job` for any of our jobs, the others as RQ has them."""
        payload = cast("dict[str, Any]", parse_payload(message))
        if payload["command"] != "stop-job":
            super().handle_payload(message)
        elif slot := self.slots.get(str(payload.get("job_id"))):
            slot.stop = True
            self.wake.set()

    def validate_queues(self) -> None:
        """The lanes come and go; there is none to check at the start."""

    def show_state(self, pipe: Any) -> None:
        """Add to a pipeline what `rq info` says of this worker: alive, its lanes, idle or busy."""
        state = WorkerStatus.BUSY if self.slots else WorkerStatus.IDLE
        self.last_heartbeat = utcnow()
        fields = cast("dict[str, Any]", self.serialize()) | {
            "state": state.value,
            "last_heartbeat": utcformat(self.last_heartbeat),
            "current_job": next(iter(list(self.slots)), ""),
        }
        pipe.hset(self.key, mapping=fields)
        pipe.expire(self.key, WORKER_TTL + 60)
        register(self, pipe)

    def listen(self, lanes: list[Lane]) -> None:
        """Say which lanes this worker serves by now; `rq info` shows a worker by its queues."""
        if {lane.name for lane in lanes} != set(self.queue_names()):
            self.queues = [lane.queue(self.connection) for lane in lanes]
            register(self)

    def forget(self, slot: Slot) -> None:
        """The slot has been settled, given back or lost: make room."""
        self.slots.pop(slot.id, None)
        self.wake.set()
        self.intake.room.set()

    def _open(self) -> bool:
        return not self.warm.is_set() or self.intake.taking

    def _turn(self) -> None:
        """Take in what came, drop what was stopped, make one step."""
        self.wake.clear()
        while not self.inbox.empty():
            self._admit(self.inbox.get())
        for slot in list(self.slots.values()):
            if (slot.stop or slot.lost) and not slot.settling:
                self._drop_tasks(slot)
                self.settler.end(slot)
        if self.engine.idle:
            self.stepped = time.monotonic()
            if not self._measure():
                self.wake.wait(IDLE_WAIT)
            return
        finished = self.engine.step()
        self.stepped = time.monotonic()
        for each in finished:
            self._hand_over(each)
        if not finished and self.engine.waiting_for_models:
            self.wake.wait(LOADING_WAIT)

    def _measure(self) -> bool:
        """With nothing else to do, one forward towards the best number of rows for a model that
        is loaded; False once that is known of each."""
        warm = self.offer.models.warm()
        for request in self._to_measure:
            if request.model in warm and self.engine.warm_up(request):
                return True
        return False

    def _admit(self, slot: Slot) -> None:
        if slot.settling:
            self._drop_tasks(slot)
            return
        if slot.error is not None:
            self.settler.end(slot)
            return
        for index in range(slot.request.count):
            self.engine.add(slot.task_id(index), slot.image_request(index), deadline=slot.deadline)

    def _hand_over(self, finished: Finished) -> None:
        job_id, execution_id, index = parse_task_id(finished.task_id)
        slot = self.slots.get(job_id)
        if slot is None or slot.settling or slot.execution.id != execution_id:
            return
        if finished.image is not None:
            self.settler.store(slot, index, finished)
            return
        slot.error = explain(finished.error)
        self._drop_tasks(slot)
        self.settler.end(slot)

    def _drop_tasks(self, slot: Slot) -> None:
        for index in range(slot.request.count):
            self.engine.cancel(slot.task_id(index))

    def _close(self, threads: list[threading.Thread]) -> None:
        self.warm.set()
        self.inputs.close()
        self.settler.close(give_back=self.cold.is_set())
        self.over.set()
        self.intake.room.set()
        for thread in threads:
            thread.join(timeout=leases.BEAT * 2)
        try:
            self.offer.withdraw(self)
            self.teardown()
        except RedisError as error:
            log.warning("could not say goodbye to Redis: %s", error)
        self.offer.models.close()

    def give_up_if_stalled(self) -> None:
        """End this process where the device hangs: its jobs then run again elsewhere."""
        silent = time.monotonic() - self.stepped
        if silent > self.stall_timeout and not self.engine.idle:
            log.critical("no step finished for %.0f s; ending this worker", silent)
            os.kill(os.getpid(), signal.SIGKILL)


def warm_up_request(card: ModelCard) -> ImageRequest:
    """A picture as callers most often ask this model for: its own size, steps and guidance."""
    return ImageRequest(
        model=card.name,
        prompt="",
        negative_prompt="",
        width=card.width,
        height=card.height,
        steps=card.steps,
        guidance_scale=card.guidance_scale,
        seed=0,
        sampler=card.sampler,
        schedule=card.schedule,
    )


def explain(error: Exception | None) -> Error:
    """An engine's error as the caller reads it: a code, a sentence, never a stack trace."""
    if isinstance(error, EngineError):
        code = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(error).__name__)
        return Error(code=code.lstrip("_"), detail=str(error))
    log.error("a task failed in a way that nobody foresaw", exc_info=error)
    return Error(
        code="internal", detail="The picture could not be made; the worker's log says why."
    )
