"""Says how far each job is, and shows what it is becoming to those who look."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import numpy as np
from PIL import Image
from redis import Redis
from redis.exceptions import RedisError

from jobs.records.events import (
    READING,
    STORING,
    PreviewEvent,
    Progress,
    ProgressEvent,
    TraceEvent,
    live_channel,
    publish_live,
)
from jobs.records.record import Field, progress_json
from jobs.request.request import ResolvedRequest
from worker.engine import Engine
from worker.loop.board import Board
from worker.loop.outcome.ledger import Ledger
from worker.loop.outcome.safety import Guard
from worker.loop.slot import Ahead, Slot
from worker.models.store.model_store import ModelStore
from worker.models.store.shelf import Kind

log = logging.getLogger("darkroom.worker")

REPORT_EVERY = 0.1
"""Seconds between two looks: ten a second is as smooth as a progress bar gets."""

FINEST = 0.5
"""Seconds to which it is told how long storing takes yet, where it takes more than one."""

PREVIEW_SHARE = 0.02
"""Most of this process's time that previews may take from the engine, whatever is asked for."""

PREVIEW_SCALE = 4
"""Previews have a pixel a latent pixel; scaled up they survive JPEG's blocks of eight."""

PREVIEW_SIDE = 512
"""Pixels a side past which a preview is not scaled up: it is looked at on a phone."""

SET_PROGRESS = """
-- KEYS[1] job; ARGV[1] field, ARGV[2] value, ARGV[3] channel, ARGV[4] event, empty where there is
-- none; how many listened.
-- A job deleted meanwhile must not come back as a stub, nor one that has ended be on its way.
if redis.call('HGET', KEYS[1], 'status') ~= 'started' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[4] == '' then return 0 end
return redis.call('PUBLISH', ARGV[3], ARGV[4])
"""


class Reporter:
    """The reporting thread of a worker; `left` says of jobs of which pictures are made how long it
    takes until those are stored, `reading` how long it should take to read so many pixels."""

    def __init__(
        self,
        board: Board,
        connection: Redis,
        engine: Engine,
        models: ModelStore,
        ledger: Ledger,
        left: Callable[[], Mapping[str, float]],
        *,
        reading: Callable[[int], float | None],
        guard: Guard,
    ) -> None:
        self.board = board
        self.connection = connection
        self.engine = engine
        self.models = models
        self.ledger = ledger
        self._left = left
        self._reading = reading
        self._guard = guard
        self._set_progress = connection.register_script(SET_PROGRESS)
        self._unseen: dict[str, Slot] = {}
        self._no_preview_until = 0.0

    def run(self) -> None:
        """Report until the worker is over."""
        while not self.board.over.wait(REPORT_EVERY):
            try:
                self._report()
                self._preview_due()
                self._trace()
                self.ledger.keep()
            except RedisError as error:
                log.debug("progress was not reported: %s", error)
                self.board.over.wait(1)
            except Exception:
                log.exception("progress could not be reported")

    def _report(self) -> None:
        moved: list[tuple[Slot, Progress, Ahead]] = []
        left = self._left()
        for slot in self.board.held():
            progress = told(slot, self.engine, self.models)
            ahead = Ahead(rounded(left.get(slot.id)), len(slot.made), rounded(self._unread(slot)))
            if (progress != slot.reported or ahead != slot.ahead) and not slot.settling:
                moved.append((slot, progress, ahead))
        if not moved:
            return
        with self.connection.pipeline(transaction=False) as pipe:
            for slot, progress, ahead in moved:
                pace = seconds_per_step(slot, progress.step)
                value = progress_json(progress, pace, **ahead._asdict())
                # Those who follow are told once how far it is, however the time until then changes.
                event = ""
                if progress != slot.reported:
                    event = ProgressEvent(job=slot.id, progress=progress).model_dump_json()
                channel = live_channel(slot.record.owner)
                arguments = [Field.PROGRESS, value, channel, event]
                self._set_progress([slot.job.key], arguments, client=pipe)
            replies = cast("list[int]", pipe.execute())
        for (slot, progress, ahead), listeners in zip(moved, replies, strict=True):
            slot.reported, slot.ahead = progress, ahead
            if listeners and slot.request.preview_interval and not self._guard.hides:
                self._unseen[slot.id] = slot

    def _unread(self, slot: Slot) -> float | None:
        """Seconds until the pictures should be read that a job starts from; None once they are, or
        where that takes longer than it should."""
        took = self._reading(slot.record.extent.given) if slot.reads else None
        left = (took or 0.0) - (time.monotonic() - slot.started)
        return left if left > 0 else None

    def _preview_due(self) -> None:
        """Show the jobs that moved and whose time has come, within PREVIEW_SHARE."""
        self._unseen = {slot.id: slot for slot in self._unseen.values() if self.board.get(slot.id)}
        for slot in sorted(self._unseen.values(), key=lambda slot: slot.previewed):
            now = time.monotonic()
            if now < self._no_preview_until:
                return
            if now - slot.previewed >= slot.request.preview_interval:
                del self._unseen[slot.id]
                slot.previewed = now
                before = time.thread_time()
                self._preview(slot)
                spent = time.thread_time() - before
                self._no_preview_until = now + spent / PREVIEW_SHARE

    def _trace(self) -> None:
        """Show the steps of traced jobs that came since the last time."""
        if self._guard.hides:
            return
        for slot in self.board.held():
            if slot.request.trace is False:
                continue
            for index in range(slot.request.count):
                since = slot.traced.get(index, 0)
                with suppress(KeyError):
                    for each in self.engine.traced(slot.task_id(index), since):
                        since += 1
                        event = TraceEvent(
                            job=slot.id,
                            index=index,
                            step=each.step,
                            timestep=each.timestep,
                            sigma=round(each.sigma, 6),
                            x=data_uri(each.x),
                            x0=data_uri(each.x0),
                        )
                        publish_live(self.connection, slot.record.owner, event)
                slot.traced[index] = since

    def _preview(self, slot: Slot) -> None:
        for index in range(slot.request.count):
            try:
                picture = self.engine.preview(slot.task_id(index))
            except KeyError:
                continue
            if picture is None:
                continue
            event = PreviewEvent(job=slot.id, index=index, image=data_uri(picture))
            publish_live(self.connection, slot.record.owner, event)


def told(slot: Slot, engine: Engine, models: ModelStore) -> Progress:
    """How far a job is, in numbers and in words."""
    progress = slot.progress(engine)
    if slot.reads:
        return progress.model_copy(update={"stage": "encoding", "detail": READING})
    said = STORING if slot.all_made else detail(slot.request, progress, models)
    return progress.model_copy(update={"detail": said})


def detail(request: ResolvedRequest, progress: Progress, models: ModelStore) -> str | None:
    """What a job is at, in a few words; None before the engine has it."""
    if progress.stage == "loading":
        return loading(request, models)
    if progress.stage == "denoising":
        return f"step {progress.step} of {progress.steps}"
    return {"encoding": "reading the prompt", "decoding": "decoding"}.get(progress.stage or "")


def loading(request: ResolvedRequest, models: ModelStore) -> str:
    """What of a job's model and of all that it adds is on its way into memory."""
    wanted: list[tuple[str, str, Kind]] = [("model", request.model, "model")]
    for lora in request.loras:
        wanted.append((f"LoRA {lora.name}", lora.name, "lora"))
    for net in request.controls:
        wanted.append((f"ControlNet {net.model}", net.model, "controlnet"))
    for upscaler in (request.upscaler, request.hires.upscaler if request.hires else None):
        if upscaler:
            wanted.append((f"upscaler {upscaler}", upscaler, "upscaler"))
    if request.vae:
        wanted.append((f"autoencoder {request.vae}", request.vae, "vae"))
    if faces := request.restore_faces:
        name = faces.model or ""
        wanted.append((f"face restorer {name}", name, "face-restorer"))
    for words, name, kind in wanted:
        fraction = models.loading(name, kind)
        if fraction is not None:
            return f"loading {words}, {int(fraction * 100)} %"
    return "waiting for the model"


def rounded(seconds: float | None) -> float | None:
    """Seconds as they are told, so that they are not told anew ten times a second."""
    if seconds is None:
        return None
    return round(seconds / FINEST) * FINEST if seconds > 1 else max(0.1, round(seconds, 1))


def seconds_per_step(slot: Slot, step: int) -> float | None:
    """How long a step of the job takes; None before its second one."""
    if slot.first_step is None:
        if step:
            slot.first_step, slot.first_steps = time.monotonic(), step
        return None
    if step <= slot.first_steps:
        return None
    return (time.monotonic() - slot.first_step) / (step - slot.first_steps)


def data_uri(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """A small picture (height, width, 3) as a JPEG data URI."""
    image = Image.fromarray(picture)
    scale = max(1, min(PREVIEW_SCALE, PREVIEW_SIDE // max(image.size)))
    size = (image.width * scale, image.height * scale)
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
