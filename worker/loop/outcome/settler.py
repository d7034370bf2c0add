"""Stores finished pictures and speaks the last word on a job, off the engine's thread."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from threading import Lock, Thread

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from jobs.logs import about, prompt_words
from jobs.pictures import traces, walks
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue import settle
from jobs.records.events import Error, Output, OutputEvent, Safety, Status, publish
from jobs.records.metrics import Metrics
from jobs.records.workers import LARGE
from jobs.request.drawn import SIZED
from jobs.request.notes import Note
from jobs.sentences import Wording, worded
from worker.canvas import film
from worker.canvas.png import Maker, encode, plain_png
from worker.engine import EngineError, Finished, Sentence, Trace, anatomy
from worker.loop.board import Board
from worker.loop.offer import Offer
from worker.loop.outcome.safety import Guard, Refused
from worker.loop.outcome.turns import THREADS, Piece, Turns
from worker.loop.pace import Pace
from worker.loop.slot import Slot

log = logging.getLogger("darkroom.worker")

STORE_PATIENCE = 120.0
"""Seconds to go on trying to store a picture before its job fails for want of a store."""

RETRY_PAUSE = 0.5

VERSION = version("darkroom")

OUR_FAULT = Error(
    code="internal",
    detail="The picture was made but could not be finished; the worker's log says why.",
)
"""What a job says that failed by an error in this program, after its first attempt."""


class Settler:
    """The settling threads of a worker.

    `name` is the worker's, and `count` adds a job's outcome and the time that it took to what RQ
    counts of the worker, in the transaction that settles the job.
    """

    def __init__(
        self,
        board: Board,
        connection: Redis,
        store: ImageStore,
        offer: Offer,
        metrics: Metrics,
        *,
        name: str,
        count: Callable[[Pipeline, Status, timedelta], None],
        guard: Guard,
    ) -> None:
        self.board = board
        self.connection = connection
        self.images = store
        self.offer = offer
        self.metrics = metrics
        self.name = name
        self._count = count
        self._guard = guard
        self._claiming = Lock()
        self._pace = Pace()
        self._failed = -math.inf
        self._turns = Turns()
        self._threads = [
            Thread(target=self._work, name=f"settler-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def store(self, slot: Slot, index: int, finished: Finished) -> None:
        """Encode and store picture `index`; the last one of a job settles it."""
        # Of the weights that it was made with: others may be loaded under the name in a moment.
        maker = Maker(VERSION, self.offer.sha256(slot.request.model))
        made = time.monotonic()
        pixels = math.prod(slot.canvas.size) if slot.canvas else 0
        extent = slot.record.extent
        if extent.upscaler and finished.enlarge_s:
            self.offer.enlarged(extent.upscaler, finished.enlarge_s, extent.pixels)
        slot.made.add(index)
        self._submit(slot, lambda slot: self._stored(slot, index, finished, maker, made), pixels)

    def left(self) -> dict[str, float]:
        """The jobs of which pictures are made and not yet stored, each with the seconds until those
        should be; without the jobs of which nothing measured says it."""
        return self._turns.left(self._pace)

    def fail(self, slot: Slot, error: Exception | None) -> None:
        """Settle a job of which the engine could not make a picture."""
        if self._claim(slot):
            slot.error = explain(error)
            self._submit(slot, self._end)

    def end(self, slot: Slot) -> None:
        """Settle a job that was canceled or lost, or whose pictures could not be prepared."""
        if self._claim(slot):
            self._submit(slot, self._end)

    def close(self, *, give_back: bool) -> None:
        """Finish what is being settled; give back or, after an error, drop what is left."""
        if give_back:
            for slot in self.board.held():
                if self._claim(slot):
                    self._submit(slot, self._give_back)
        self._turns.close()
        for thread in self._threads:
            thread.join()

    def _claim(self, slot: Slot) -> bool:
        """Be the one who ends this job; False where somebody else already does."""
        with self._claiming:
            mine, slot.settling = not slot.settling, True
        if mine:
            self._turns.hurry(slot.id)
        return mine

    def _submit(self, slot: Slot, work: Callable[[Slot], None], pixels: int = 0) -> None:
        guarded = partial(self._guarded, slot, work)
        self._turns.add(Piece(slot.id, slot.lane.caller, pixels, guarded))

    def _work(self) -> None:
        while (piece := self._turns.take()) is not None:
            try:
                piece.work()
            finally:
                self._turns.done(piece)
                # Its picture, which is large, is not kept until the next one comes.
                del piece

    def _guarded(self, slot: Slot, work: Callable[[Slot], None]) -> None:
        try:
            with about(slot.id):
                work(slot)
        except RedisError as error:
            # A cold worker waits for nothing: the lease runs out.
            log.error("job %s could not be settled: %s", slot.id, error)
            self.board.forget(slot)
        except Exception:
            log.exception("job %s could not be finished", slot.id)
            self._fail_for_our_fault(slot)

    def _fail_for_our_fault(self, slot: Slot) -> None:
        """End a job that no other attempt would bring further: what failed would fail again."""
        if self.board.get(slot.id) is not slot:
            return
        self._claim(slot)
        slot.error = OUR_FAULT
        # The engine's thread alone may drop the pictures that are still being made.
        self.board.hand_in(slot)
        try:
            self._end(slot)
        except Exception:
            log.exception("job %s could not be settled", slot.id)
            self.board.forget(slot)

    def _stored(
        self, slot: Slot, index: int, finished: Finished, maker: Maker, made: float
    ) -> None:
        try:
            self._store(slot, index, finished, maker, made)
        finally:
            if finished.trace is not None:
                # Others' steps have room again.
                finished.trace.close()

    def _store(self, slot: Slot, index: int, finished: Finished, maker: Maker, made: float) -> None:
        if finished.image is None or slot.canvas is None or slot.settling:
            return
        slot.work.was("make", time.monotonic() - slot.started, darkroom__picture=index)
        started = time.monotonic()
        picture = slot.canvas.compose(finished.image)
        note = sized(slot.record.notes)
        safety = None
        if (hook := self._guard.hook) is not None:
            try:
                picture, safety = hook.check(picture)
            except Refused as error:
                self._refuse(slot, error)
                return
        with slot.work.part("encode", darkroom__picture=index):
            alone = slot.request.alone(index)
            # A picture of a walk is one of a request that knows of none; of a template it is told.
            walked = slot.request.walk is not None
            said = (alone, 0) if walked else (slot.request, index)
            data = encode(picture, *said, maker, safety, note, finished.faces)
        self.metrics.observe("stage_seconds", "png", time.monotonic() - started)
        output = Output(
            id=image_id(slot.id, index),
            width=picture.shape[1],
            height=picture.shape[0],
            seed=alone.seed,
            prompt_tokens=finished.prompt_tokens,
            prompt_chunks=finished.prompt_chunks,
            read_as=slot.readings.get(alone.prompt),
            strangers=slot.strangers.get(alone.prompt, []),
            note=note,
            faces=finished.faces,
            safety=safety,
        )
        with slot.work.part("store", darkroom__picture=output.id):
            stored = self._put(slot, output.id, data)
            if finished.trace is not None and stored and not hidden(safety):
                files = trace_files(slot.id, index, finished.trace)
                stored = all(self._put(slot, each, file) for each, file in files)
        if slot.settling:
            # Whoever ended the job saw no picture yet of what a slow store has taken since.
            self._clean_up(slot)
        if not stored:
            return
        self.metrics.observe("stage_seconds", "store", time.monotonic() - started)
        if slot.request.walk is not None:
            slot.frames[index] = film.small(picture)
        slot.outputs[index] = output
        if slot.request.count > 1:
            self._under_lease(slot, lambda pipe: self._tell(pipe, slot, output))
        if slot.complete and self._shown_whole(slot) and self._claim(slot):
            self._end(slot)
        ended, pixels = time.monotonic(), picture.shape[0] * picture.shape[1]
        if self._failed < made:
            # What waited for a store that was away says nothing of the pictures after it.
            self._pace.took(ended - started, pixels)
            # Nor what large ones of a job waited for each other.
            self.offer.finish.took(ended - (started if pixels > LARGE else made), pixels)

    def _tell(self, pipe: Pipeline, slot: Slot, output: Output) -> None:
        settle.keep(pipe, slot.job, slot.stored)
        publish(pipe, slot.record.owner, OutputEvent(job=slot.id, output=output))

    def _shown_whole(self, slot: Slot) -> bool:
        """Store what shows all pictures of a walk; whether there is nothing left to store."""
        walk = slot.request.walk
        if walk is None:
            return True
        frames = [slot.frames[index] for index in sorted(slot.frames)]
        made = {"strip": film.strip(frames), "animation": film.animation(frames, walk.seconds)}
        return all(
            self._put(slot, walks.file_id(slot.id, name), made[name]) for name in walks.TYPES
        )

    def _refuse(self, slot: Slot, reason: Refused) -> None:
        """End the job: it fails, and its other pictures are not made any further."""
        if self._claim(slot):
            slot.error = Error.of("refused", str(reason))
            # The engine's thread alone may drop the pictures that are still being made.
            self.board.hand_in(slot)
            self._end(slot)

    def _put(self, slot: Slot, image: str, data: bytes) -> bool:
        give_up = time.monotonic() + STORE_PATIENCE
        while not (slot.lost or slot.stop or self.board.cold):
            try:
                self.images.put(image, data)
            except OSError as error:
                self._failed = time.monotonic()
                log.error("cannot store a picture of job %s: %s", slot.id, error.__cause__ or error)
                if time.monotonic() > give_up:
                    self._give_up(slot, error)
                    return False
                time.sleep(RETRY_PAUSE)
            else:
                return True
        return False

    def _give_up(self, slot: Slot, error: OSError) -> None:
        if self._claim(slot):
            reason = error.strerror or type(error).__name__
            detail = f"The picture could not be stored: {reason}."
            slot.error = Error(code="store_failed", detail=detail)
            self._end(slot)

    def _end(self, slot: Slot) -> None:
        outcome = "failed" if slot.error else "canceled" if slot.stop else "succeeded"
        if not slot.lost and not self._under_lease(
            slot, lambda pipe: self._settle(pipe, slot, outcome)
        ):
            slot.lost = True
        if slot.lost:
            slot.lease.pardon(self.connection)
            self._clean_up(slot)
            slot.work.end("its lease was lost")
            log.info("job %s is no longer ours", slot.id)
        else:
            age = time.time() - slot.record.created_at.timestamp()
            self.metrics.observe("job_seconds", outcome, max(0.0, age))
            if outcome == "succeeded":
                self.metrics.count("images", slot.request.model, slot.request.count)
                self.offer.rate.finished()
            slot.work.end(slot.error and slot.error.detail, darkroom__outcome=outcome)
            log.info("job %s %s%s", slot.id, outcome, prompt_words(slot.request.prompt))
        self.board.forget(slot)

    def _settle(self, pipe: Pipeline, slot: Slot, outcome: Status) -> None:
        if outcome != "succeeded" and slot.outputs:
            # The last to tell of its picture may not be the last that stored one.
            settle.keep(pipe, slot.job, slot.stored)
        if slot.error:
            settle.fail(pipe, slot.job, self.name, slot.error)
        elif outcome == "canceled":
            settle.cancel(pipe, slot.job)
        else:
            if slot.request.count == 1:
                publish(pipe, slot.record.owner, OutputEvent(job=slot.id, output=slot.stored[0]))
            settle.succeed(pipe, slot.job, self.name, slot.stored)
        slot.lease.end(pipe)
        self._count(pipe, outcome, slot.lease.age)

    def _give_back(self, slot: Slot) -> None:
        def change(pipe: Pipeline) -> None:
            slot.lease.end(pipe)
            settle.give_back(pipe, slot.job, crashed=False)

        self._under_lease(slot, change)
        slot.work.end(darkroom__outcome="given back")
        self.board.forget(slot)

    def _under_lease(self, slot: Slot, change: Callable[[Pipeline], None]) -> bool:
        """Make a change if the lease still holds, however long Redis is away. Else False."""
        while True:
            try:
                return slot.lease.change(self.connection, change)
            except RedisError as error:
                if self.board.cold:
                    raise
                log.error("cannot settle job %s yet: %s", slot.id, error)
                time.sleep(RETRY_PAUSE)

    def _clean_up(self, slot: Slot) -> None:
        """Remove pictures of a job that was deleted while it ran; of a job that runs elsewhere
        they stay, since they are the same pictures."""
        if not self.connection.exists(slot.job.key):
            for image in slot.record.stored_pictures():
                self.images.delete(image)


def sized(notes: Sequence[Note]) -> str | None:
    """What was done otherwise than asked to a picture's size; None for nothing."""
    return " ".join(each.detail for each in notes if each.pointer == SIZED) or None


def hidden(safety: Safety | None) -> bool:
    """Whether a picture is kept from sight, and with it what its steps were."""
    return safety is not None and safety.action != "mark"


def trace_files(job_id: str, index: int, trace: Trace) -> Iterator[tuple[str, bytes]]:
    """What is kept of a picture's steps, by the ids in the store."""
    yield traces.file_id(job_id, index), anatomy.written(trace, traces.ABOUT)
    made = anatomy.sheets(trace)
    for sheet in traces.SHEETS:
        if sheet in made:
            yield traces.sheet_id(job_id, index, sheet), plain_png(made[sheet])


def _worded(error: EngineError) -> str:
    """What the engine says, which knows no wordings but codes and values."""
    said = str(error)
    return (
        worded(said, Wording(code=said.code, values=said.values))
        if isinstance(said, Sentence)
        else said
    )


def explain(error: Exception | None) -> Error:
    """An engine's error as the caller reads it: a code, a sentence, never a stack trace."""
    if isinstance(error, EngineError):
        code = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(error).__name__)
        return Error.of(code.lstrip("_"), _worded(error))
    log.error("a task failed in a way that nobody foresaw", exc_info=error)
    return Error(
        code="internal", detail="The picture could not be made; the worker's log says why."
    )
