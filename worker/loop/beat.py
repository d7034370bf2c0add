"""The heartbeat: renews leases, notices cancels, sweeps up after dead workers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, cast

from redis.exceptions import RedisError

from jobs.queue import leases
from jobs.queue.leases import Sweep
from jobs.queue.metrics import Metrics
from jobs.queue.record import Field
from worker.loop.retention import Retention

if TYPE_CHECKING:
    from worker.loop.rq_worker import BatchWorker

log = logging.getLogger("darkroom.worker")


class Beat:
    """The beat thread of a worker. It outlives every outage and dies with the process."""

    def __init__(self, worker: BatchWorker, metrics: Metrics, retention: Retention) -> None:
        self.worker = worker
        self.connection = worker.connection
        self.metrics = metrics
        self.retention = retention
        self.sweep = Sweep(worker.connection)

    def run(self) -> None:
        """Beat every `leases.BEAT` seconds until the worker is over."""
        last = time.monotonic()
        while not self.worker.over.wait(leases.BEAT):
            self.worker.give_up_if_stalled()
            now = time.monotonic()
            if self.worker.slots:
                self.worker.offer.rate.busy(now - last)
            last = now
            try:
                self._renew()
                self.worker.offer.advertise(self.worker)
                self.metrics.flush(self.connection)
                if swept := self.sweep.run():
                    log.warning("%d jobs of dead workers were put back", swept)
                self.retention.run_if_due()
            except RedisError as error:
                log.error("missed a heartbeat: %s", error)
            except Exception:
                log.exception("a heartbeat went wrong")

    def _renew(self) -> None:
        held = list(self.worker.slots.values())
        with self.connection.pipeline() as pipe:
            for slot in held:
                registry = slot.job.started_job_registry
                pipe.zscore(registry.key, slot.execution.composite_key)
                pipe.hexists(slot.job.key, Field.CANCEL)
            for slot in held:
                registry = slot.job.started_job_registry
                slot.execution.heartbeat(registry, leases.LEASE, pipeline=pipe)
            self.worker.show_state(pipe)
            replies = cast("list[float | bool | None]", pipe.execute())
        for index, slot in enumerate(held):
            if slot.settling:
                continue
            slot.lost = slot.lost or replies[2 * index] is None
            slot.stop = slot.stop or bool(replies[2 * index + 1])
            if slot.lost or slot.stop:
                self.worker.wake.set()
