"""An RQ worker that holds many jobs at once: wires the parts and keeps RQ's own books.

A job's way through the parts, each of which knows the board and what it was given:
- intake, a thread: takes it from its lane into a lease, while there is room;
- inputs, threads: read the pictures that it starts from;
- stepper, the main thread: makes its pictures with the engine, and waits for nothing else;
- settler, threads: encode, store and settle what the engine finished.
Beside them all the while:
- beat, a thread: renews leases, notices cancels and lost leases, sweeps up after dead workers;
- follower, a thread: looks whether models came, changed or went;
- porter, a thread: adds, changes and removes models at an admin's word, if it is its machine's one;
- explainer, a thread: answers questions on the models that it offers;
- reporter, a thread: progress, previews, and what each caller had of the device.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT
from rq import Worker
from rq.command import parse_payload
from rq.utils import now as utcnow
from rq.utils import utcformat
from rq.worker import WorkerStatus
from rq.worker_registration import register

from jobs.pictures.image_store import ImageStore
from jobs.queue import leases, orders
from jobs.records.events import Status
from jobs.records.lanes import Lane
from jobs.records.metrics import Metrics
from jobs.signals import GIVE_BACK, Signals
from worker.engine import Engine
from worker.loop.beat import Beat
from worker.loop.board import Board
from worker.loop.errands.explainer import Explainer
from worker.loop.errands.porter import Porter
from worker.loop.follower import Follower
from worker.loop.intake.inputs import Inputs
from worker.loop.intake.intake import Intake
from worker.loop.offer import Offer
from worker.loop.outcome.ledger import Ledger
from worker.loop.outcome.reporter import Reporter
from worker.loop.outcome.safety import Guard
from worker.loop.outcome.settler import Settler
from worker.loop.patience import patiently
from worker.loop.retention import Retention
from worker.loop.stepper import Stepper, WarmUp

log = logging.getLogger("darkroom.worker")

WORKER_TTL = 20
"""RQ raises the connection's time-out to this less five seconds."""


def generate(request: dict[str, Any], owner: str) -> None:
    """The function that RQ shows for our jobs. `darkroom worker` steps jobs together instead of
    calling it, and a plain `rq worker` is told so."""
    raise RuntimeError("Darkroom's jobs are run by `darkroom worker`, not by `rq worker`")


class BatchWorker(Worker):
    """Runs the jobs of all lanes in one engine until it is asked to stop.

    The first SIGTERM or SIGINT finishes what runs and takes nothing new; the second, or SIGUSR1 at
    any time, gives the jobs back to the front of their lanes, at no cost to their attempts.
    """

    def __init__(
        self,
        name: str,
        connection: Redis,
        engine: Engine,
        offer: Offer,
        store: ImageStore,
        metrics: Metrics,
        *,
        stall_timeout: float,
        retention: Retention,
        warm_up: WarmUp | None = None,
        guard: Guard,
        follow: Callable[[Board], Follower],
        errands: Callable[[Board], Porter],
    ) -> None:
        super().__init__([], name=name, connection=connection, worker_ttl=WORKER_TTL)
        self.offer = offer
        self.board = board = Board()
        self.inputs = Inputs(board, store, offer)
        self.intake = Intake(
            board,
            connection,
            offer,
            self.inputs,
            metrics,
            engine.shares,
            name=name,
            listen=self.listen,
        )
        self.settler = Settler(
            board, connection, store, offer, metrics, name=name, count=self.count_job, guard=guard
        )
        self.stepper = Stepper(board, engine, offer.models, self.settler, warm_up)
        self.follower = follow(board)
        self.porter = errands(board)
        self.explainer = Explainer(board, connection, offer, store)
        self.beat = Beat(
            board,
            connection,
            engine,
            offer,
            metrics,
            retention,
            stall_timeout=stall_timeout,
            show_state=self.show_state,
        )
        ledger = Ledger(board, connection, engine.shares)
        self.reporter = Reporter(
            *(board, connection, engine, offer.models, ledger, self.settler.left),
            reading=offer.prepare.seconds,
            guard=guard,
        )

    def work(self, *_: Any, **__: Any) -> bool:
        """Run until stopped. Returns whether any job was run."""
        self.bootstrap(None)
        with Signals(signal.SIGTERM, signal.SIGINT, GIVE_BACK) as signals:
            # A thread of its own: the engine's may be within a step for a minute.
            threading.Thread(
                target=self._hear, args=(signals,), name="signals", daemon=True
            ).start()
            self._run()
        return self.intake.taken > 0

    def _run(self) -> None:
        patiently(lambda: self.offer.advertise(running=0))
        threads = [
            threading.Thread(target=part.run, name=part.__class__.__name__.lower(), daemon=True)
            for part in (
                *(self.intake, self.beat, self.reporter),
                *(self.follower, self.porter, self.explainer),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            # First whether a job may still come: one that came in between is then seen as held.
            while not self.board.cold and (self.intake.open or self.board.busy):
                self.stepper.turn()
        finally:
            self._close(threads)

    def register_birth(self) -> None:
        """Enter this worker among RQ's, under a name that is its alone."""

        def enter() -> None:
            # A birth whose answer was lost would be taken for that of another worker.
            self.connection.delete(self.key)
            super(BatchWorker, self).register_birth()

        patiently(enter)

    def subscribe(self) -> None:
        """Hear RQ's commands for this worker."""
        patiently(super().subscribe)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Say whether this worker is starting, idle or busy."""
        patiently(lambda: super(BatchWorker, self).set_state(state, pipeline))

    def _hear(self, signals: Signals) -> None:
        with suppress(EOFError):
            while True:
                for number in signals.wait():
                    self.request_stop(number, None)

    def request_stop(self, signum: int, frame: object) -> None:
        """First signal: finish what runs. Second: give it back. Only flags are set here."""
        if signum == GIVE_BACK:
            self.board.give_back()
        else:
            self.board.ask_to_stop()

    def handle_payload(self, message: Any) -> None:
        """A command of RQ's: `stop-job` for any of our jobs, one of ours about models, the others
        as RQ has them."""
        payload = cast("dict[str, Any]", parse_payload(message))
        if payload["command"] == orders.COMMAND:
            self.follower.hear(payload)
        elif payload["command"] != "stop-job":
            super().handle_payload(message)
        elif slot := self.board.get(str(payload.get("job_id"))):
            self.board.stop(slot)

    def validate_queues(self) -> None:
        """The lanes come and go; there is none to check at the start."""

    def show_state(self, pipe: Pipeline) -> None:
        """Add to a pipeline what `rq info` says of this worker: alive, its lanes, idle or busy."""
        held = self.board.held()
        state = WorkerStatus.BUSY if held else WorkerStatus.IDLE
        self.last_heartbeat = utcnow()
        fields: dict[FieldT, EncodableT] = {
            **self.serialize(),
            "state": state.value,
            "last_heartbeat": utcformat(self.last_heartbeat),
            "current_job": held[0].id if held else "",
        }
        pipe.hset(self.key, mapping=fields)
        pipe.expire(self.key, WORKER_TTL + 60)
        register(self, pipe)

    def listen(self, lanes: list[Lane]) -> None:
        """Say which lanes this worker serves by now; `rq info` shows a worker by its queues."""
        if {lane.name for lane in lanes} != set(self.queue_names()):
            self.queues = [lane.queue(self.connection) for lane in lanes]
            register(self)

    def count_job(self, pipe: Pipeline, outcome: Status, worked: timedelta) -> None:
        """Add to a pipeline what RQ counts of a worker: jobs by their outcome, and time."""
        if outcome == "succeeded":
            self.increment_successful_job_count(pipe)
        elif outcome == "failed":
            self.increment_failed_job_count(pipe)
        self.increment_total_working_time(worked, pipe)

    def _close(self, threads: list[threading.Thread]) -> None:
        """End the parts in the order of a job's way, so that none is left between two of them."""
        intake, *others = threads
        self.board.warm = True
        self.board.room.set()
        intake.join(timeout=leases.BEAT * 2)
        self.inputs.close()
        self.settler.close(give_back=self.board.cold)
        self.board.over.set()
        for thread in others:
            thread.join(timeout=leases.BEAT * 2)
        try:
            self.offer.withdraw()
            self.teardown()
        except RedisError as error:
            log.warning("could not say goodbye to Redis: %s", error)
        self.offer.models.close()
        self.stepper.engine.close()
