"""Says how far each job is, and shows what it is becoming to those who look."""

from __future__ import annotations

import base64
import io
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from redis.exceptions import RedisError

from jobs.events import PreviewEvent, ProgressEvent, publish_live
from jobs.record import Field, progress_json
from worker.slot import Slot

if TYPE_CHECKING:
    from worker.rq_worker import BatchWorker

log = logging.getLogger("darkroom.worker")

REPORT_EVERY = 0.1
"""Seconds between two looks: ten a second is as smooth as a progress bar gets."""

PREVIEW_EVERY = 0.4
"""Seconds between two previews of a job: each costs a JPEG for everybody who watches."""

PREVIEW_SCALE = 4
"""Previews have a pixel a latent pixel; scaled up they survive JPEG's blocks of eight."""

SET_PROGRESS = """
-- KEYS[1] job; ARGV[1] field, ARGV[2] value. A job deleted meanwhile must not come back as a stub.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
"""


class Reporter:
    """The reporting thread of a worker."""

    def __init__(self, worker: BatchWorker) -> None:
        self.worker = worker
        self.connection = worker.connection
        self._set_progress = worker.connection.register_script(SET_PROGRESS)

    def run(self) -> None:
        """Report until the worker is over."""
        while not self.worker.over.wait(REPORT_EVERY):
            try:
                self._report()
            except RedisError as error:
                log.debug("progress was not reported: %s", error)
                self.worker.over.wait(1)
            except Exception:
                log.exception("progress could not be reported")

    def _report(self) -> None:
        moved = [slot for slot in list(self.worker.slots.values()) if self._moved(slot)]
        if not moved:
            return
        with self.connection.pipeline(transaction=False) as pipe:
            for slot in moved:
                progress = slot.progress(self.worker.engine)
                value = progress_json(progress, self._seconds_per_step(slot))
                self._set_progress([slot.job.key], [Field.PROGRESS, value], client=pipe)
                event = ProgressEvent(job=slot.id, progress=progress)
                publish_live(pipe, slot.record.owner, event)
            replies = pipe.execute()
        for slot, listeners in zip(moved, replies[1::2], strict=True):
            if listeners and time.monotonic() - slot.previewed > PREVIEW_EVERY:
                self._preview(slot)

    def _moved(self, slot: Slot) -> bool:
        step = slot.progress(self.worker.engine).step
        if step == slot.reported or slot.settling:
            return False
        if step and slot.first_step is None:
            slot.first_step, slot.first_steps = time.monotonic(), step
        slot.reported = step
        return True

    def _seconds_per_step(self, slot: Slot) -> float | None:
        if slot.first_step is None or slot.reported <= slot.first_steps:
            return None
        return (time.monotonic() - slot.first_step) / (slot.reported - slot.first_steps)

    def _preview(self, slot: Slot) -> None:
        slot.previewed = time.monotonic()
        for index in range(slot.request.count):
            try:
                picture = self.worker.engine.preview(slot.task_id(index))
            except KeyError:
                continue
            if picture is None:
                continue
            event = PreviewEvent(job=slot.id, index=index, image=data_uri(picture))
            publish_live(self.connection, slot.record.owner, event)


def data_uri(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """A small picture (height, width, 3) as a JPEG data URI."""
    image = Image.fromarray(picture)
    size = (image.width * PREVIEW_SCALE, image.height * PREVIEW_SCALE)
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
