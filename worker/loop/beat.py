"""The heartbeat: renews leases, notices cancels, sweeps up after dead workers."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from jobs.queue import leases
from jobs.queue.leases import Sweep
from jobs.records.metrics import Metrics
from jobs.records.record import Field
from worker.engine import Engine
from worker.loop.board import Board
from worker.loop.offer import Offer
from worker.loop.retention import Retention

log = logging.getLogger("darkroom.worker")


class Beat:
    """The beat thread of a worker. It outlives every outage and dies with the process.

    `show_state` adds to a pipeline what RQ shows of the worker. After `stall_timeout` seconds
    without a step, with pictures in the engine, the device hangs and the process is ended.
    """

    def __init__(
        self,
        board: Board,
        connection: Redis,
        engine: Engine,
        offer: Offer,
        metrics: Metrics,
        retention: Retention,
        *,
        stall_timeout: float,
        show_state: Callable[[Pipeline], None],
    ) -> None:
        self.board = board
        self.connection = connection
        self.engine = engine
        self.offer = offer
        self.metrics = metrics
        self.retention = retention
        self.sweep = Sweep(connection)
        self.stall_timeout = stall_timeout
        self._show_state = show_state

    def run(self) -> None:
        """Beat every `leases.BEAT` seconds until the worker is over."""
        last = time.monotonic()
        while not self.board.over.wait(leases.BEAT):
            self._give_up_if_stalled()
            now = time.monotonic()
            if self.board.held():
                self.offer.rate.busy(now - last)
            last = now
            try:
                self._renew()
                self.offer.advertise(len(self.board.held()))
                self.metrics.flush(self.connection)
                if swept := self.sweep.run({slot.lease.entry for slot in self.board.held()}):
                    log.warning("%d jobs of dead workers were put back", swept)
                self.retention.run_if_due()
            except RedisError as error:
                log.error("missed a heartbeat: %s", error)
            except Exception:
                log.exception("a heartbeat went wrong")

    def _give_up_if_stalled(self) -> None:
        """End this process where the device hangs: its jobs then run again elsewhere."""
        silent = time.monotonic() - self.board.stepped
        if silent > self.stall_timeout and not self.engine.idle:
            log.critical("no step finished for %.0f s; ending this worker", silent)
            os.kill(os.getpid(), signal.SIGKILL)

    def _renew(self) -> None:
        held = self.board.held()
        with self.connection.pipeline() as pipe:
            for slot in held:
                slot.lease.renew(pipe)
                pipe.hexists(slot.job.key, Field.CANCEL)
            self._show_state(pipe)
            replies = cast("list[int | bool]", pipe.execute())
        for slot, holds, canceled in zip(held, replies[::2], replies[1::2], strict=False):
            if slot.settling:
                continue
            if not holds:
                self.board.lose(slot)
            if canceled:
                self.board.stop(slot)
