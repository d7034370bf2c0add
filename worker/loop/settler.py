"""Stores finished pictures and speaks the last word on a job, off the engine's thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING

from redis.client import Pipeline
from redis.exceptions import RedisError, WatchError
from rq.utils import now

from jobs.logs import prompt_words
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue import settle
from jobs.queue.events import Error, Output, OutputEvent, publish
from jobs.queue.metrics import Metrics
from worker.canvas.png import Maker, encode
from worker.engine import Finished
from worker.loop.safety import Refused, SafetyHook
from worker.loop.slot import Slot

if TYPE_CHECKING:
    from worker.loop.rq_worker import BatchWorker

log = logging.getLogger("darkroom.worker")

THREADS = 2
"""Pictures encoded at once; zlib lets go of the interpreter, and more would crowd the engine."""

STORE_PATIENCE = 120.0
"""Seconds to go on trying to store a picture before its job fails for want of a store."""

RETRY_PAUSE = 0.5

VERSION = version("darkroom")


class Settler:
    """The settling threads of a worker."""

    def __init__(
        self,
        worker: BatchWorker,
        store: ImageStore,
        metrics: Metrics,
        safety: SafetyHook | None = None,
    ) -> None:
        self.worker = worker
        self.connection = worker.connection
        self.images = store
        self.metrics = metrics
        self._safety = safety
        self._refusing = Lock()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="settler")

    def store(self, slot: Slot, index: int, finished: Finished) -> None:
        """Encode and store picture `index`; the last one of a job settles it."""
        self._pool.submit(self._guarded, slot, lambda: self._store(slot, index, finished))

    def end(self, slot: Slot) -> None:
        """Settle a job that was canceled, failed or lost."""
        slot.settling = True
        self._pool.submit(self._guarded, slot, lambda: self._end(slot))

    def close(self, *, give_back: bool) -> None:
        """Finish what is being settled; give back or, after an error, drop what is left."""
        if give_back:
            for slot in list(self.worker.slots.values()):
                if not slot.settling:
                    slot.settling = True
                    self._pool.submit(self._guarded, slot, lambda slot=slot: self._give_back(slot))
        self._pool.shutdown(wait=True)

    def _guarded(self, slot: Slot, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            # Without this the slot would be held for ever; its lease expires and it runs again.
            log.exception("job %s could not be settled", slot.id)
            self.worker.forget(slot)

    def _store(self, slot: Slot, index: int, finished: Finished) -> None:
        if finished.image is None or slot.canvas is None or slot.settling:
            return
        picture = slot.canvas.compose(finished.image)
        started = time.monotonic()
        maker = Maker(VERSION, self.worker.offer.sha256(slot.request.model))
        safety = None
        if self._safety is not None:
            try:
                picture, safety = self._safety.check(picture)
            except Refused as error:
                self._refuse(slot, error)
                return
        data = encode(picture, slot.request, index, maker, safety)
        self.metrics.observe("stage_seconds", "png", time.monotonic() - started)
        output = Output(
            id=image_id(slot.id, index),
            width=picture.shape[1],
            height=picture.shape[0],
            seed=slot.request.image_seed(index),
            prompt_tokens=finished.prompt_tokens,
            prompt_chunks=finished.prompt_chunks,
            read_as=slot.read_as,
            safety=safety,
        )
        if not self._put(slot, output, data):
            return
        self.metrics.observe("stage_seconds", "store", time.monotonic() - started)
        slot.outputs[index] = output
        if slot.request.count > 1:
            event = OutputEvent(job=slot.id, output=output)
            self._under_lease(slot, lambda pipe: publish(pipe, slot.record.owner, event))
        if slot.complete and not slot.settling:
            slot.settling = True
            self._end(slot)

    def _refuse(self, slot: Slot, reason: Refused) -> None:
        """End the job: it fails, and its other pictures are not made any further."""
        with self._refusing:
            if slot.settling:
                return
            slot.settling = True
        slot.error = Error(code="refused", detail=str(reason))
        # The engine's thread alone may drop the pictures that are still being made.
        self.worker.inbox.put(slot)
        self.worker.wake.set()
        self._end(slot)

    def _put(self, slot: Slot, output: Output, data: bytes) -> bool:
        give_up = time.monotonic() + STORE_PATIENCE
        while not (slot.lost or slot.stop or self.worker.cold.is_set()):
            try:
                self.images.put(output.id, data)
            except OSError as error:
                log.error("cannot store a picture of job %s: %s", slot.id, error)
                if time.monotonic() > give_up:
                    reason = error.strerror or type(error).__name__
                    detail = f"The picture could not be stored: {reason}."
                    slot.error = Error(code="store_failed", detail=detail)
                    slot.settling = True
                    self._end(slot)
                    return False
                time.sleep(RETRY_PAUSE)
            else:
                return True
        return False

    def _end(self, slot: Slot) -> None:
        outcome = "failed" if slot.error else "canceled" if slot.stop else "succeeded"
        if not slot.lost and not self._under_lease(slot, lambda pipe: self._change(pipe, slot)):
            slot.lost = True
        if slot.lost:
            self._clean_up(slot)
            log.info("job %s is no longer ours", slot.id)
        else:
            age = time.time() - slot.record.created_at.timestamp()
            self.metrics.observe("job_seconds", outcome, max(0.0, age))
            if outcome == "succeeded":
                self.metrics.count("images", slot.request.model, slot.request.count)
                self.worker.offer.rate.finished()
            log.info("job %s %s%s", slot.id, outcome, prompt_words(slot.request.prompt))
        self.worker.forget(slot)

    def _change(self, pipe: Pipeline, slot: Slot) -> None:
        job, worker = slot.job, self.worker
        job.ended_at = now()
        if slot.error:
            settle.fail(pipe, job, worker.name, slot.error)
            worker.increment_failed_job_count(pipe)
        elif slot.stop:
            settle.cancel(pipe, job)
        else:
            outputs = [slot.outputs[index] for index in sorted(slot.outputs)]
            if slot.request.count == 1:
                publish(pipe, slot.record.owner, OutputEvent(job=slot.id, output=outputs[0]))
            settle.succeed(pipe, job, worker.name, outputs)
            worker.increment_successful_job_count(pipe)
        slot.execution.delete(job, pipe)
        worker.increment_total_working_time(job.ended_at - slot.execution.created_at, pipe)

    def _give_back(self, slot: Slot) -> None:
        def change(pipe: Pipeline) -> None:
            slot.execution.delete(slot.job, pipe)
            settle.give_back(pipe, slot.job, crashed=False)

        self._under_lease(slot, change)
        self.worker.forget(slot)

    def _under_lease(self, slot: Slot, change: Callable[[Pipeline], None]) -> bool:
        """Make a change if the lease still holds, however long Redis is away. Else False."""
        key, entry = slot.job.started_job_registry.key, slot.execution.composite_key
        while True:
            try:
                with self.connection.pipeline() as pipe:
                    pipe.watch(key)
                    if pipe.zscore(key, entry) is None:
                        return False
                    pipe.multi()
                    change(pipe)
                    pipe.execute()
                    return True
            except WatchError:
                continue
            except RedisError as error:
                if self.worker.cold.is_set():
                    raise
                log.error("cannot settle job %s yet: %s", slot.id, error)
                time.sleep(RETRY_PAUSE)

    def _clean_up(self, slot: Slot) -> None:
        """Remove pictures of a job that was deleted while it ran; of a job that runs elsewhere
        they stay, since they are the same pictures."""
        if not self.connection.exists(slot.job.key):
            for output in slot.outputs.values():
                self.images.delete(output.id)
