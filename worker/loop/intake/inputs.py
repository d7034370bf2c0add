"""Fetches the pictures that a job starts from, and makes of them what the engine takes."""

from __future__ import annotations

import io
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from jobs.logs import about
from jobs.pictures.image_store import ImageStore
from jobs.records.events import Error
from jobs.request.checks import blocklist
from jobs.request.request import ResolvedRequest
from worker.canvas import CanvasError, prepare, regions_on, shown
from worker.engine import Picture
from worker.loop.board import Board
from worker.loop.offer import Offer
from worker.loop.slot import Slot
from worker.models.files.errors import SourceError

log = logging.getLogger("darkroom.worker")

THREADS = 2
"""Jobs prepared at once: decoding a photograph takes a tenth of a second."""

PATIENCE = 120.0
"""Seconds to go on asking for a picture before its job fails for want of a store."""

PAUSE = 0.5


class Blocked(Exception):
    """The job fails: what the model reads in its prompt is on the operator's list."""


class Unprepared(Exception):
    """The job fails: what was to make a map of a picture cannot be used."""


class Inputs:
    """The preparing threads of a worker, so that nothing waits for a slow picture store."""

    def __init__(self, board: Board, store: ImageStore, offer: Offer) -> None:
        self.board = board
        self.images = store
        self.offer = offer
        self._failed = -math.inf
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="inputs")

    def admit(self, slot: Slot) -> None:
        """Hand a slot to the engine's thread, once what it starts from is there."""
        self._pool.submit(self._guarded, slot)

    def close(self) -> None:
        """Wait for what is being prepared."""
        self._pool.shutdown(wait=True)

    def _guarded(self, slot: Slot) -> None:
        with about(slot.id):
            error = self._tried(slot)
        # What is not waited for any more is no reason to say that it failed.
        if not self._over(slot):
            slot.error = error
        self.board.hand_in(slot)

    def _tried(self, slot: Slot) -> Error | None:
        """Prepare a slot; what its job fails for."""
        try:
            with slot.work.part("prepare"):
                self._prepare(slot)
        except Blocked:
            detail = "Its prompt has words that this server's owner does not allow."
            return Error(code="refused", detail=detail)
        except (CanvasError, FileNotFoundError, Unprepared) as error:
            return Error(code="bad_input", detail=str(error))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            detail = f"The picture that the job starts from could not be read: {reason}."
            return Error(code="store_failed", detail=detail)
        except Exception:
            log.exception("the pictures of job %s could not be prepared", slot.id)
            detail = "The picture that the job starts from could not be prepared."
            return Error(code="internal", detail=detail)
        return None

    def _prepare(self, slot: Slot) -> None:
        request, began = slot.request, time.monotonic()
        if not request.as_written:
            slot.readings = self._readings(slot)
        slot.strangers = self._strangers(slot)
        if any(map(blocklist.current().blocks, slot.readings.values())):
            # The server saw the prompt as it is written, not what the model takes it for.
            raise Blocked
        image = self._picture(slot, request.image, "RGB")
        mask = self._picture(slot, request.mask, "L")
        references = [self._given(slot, each) for each in request.references]
        factor = self.offer.factor(request.model)
        slot.canvas = prepare(request, image, mask, factor, references)
        slot.controls = tuple(
            shown.control(
                each,
                slot.canvas,
                self._given(slot, each.image),
                self._picture(slot, each.mask, "L"),
                self._map,
            )
            for each in request.controls
        )
        slot.ip_adapters = tuple(
            shown.ip_adapter(
                each,
                slot.canvas,
                [self._given(slot, image) for image in each.images],
                self._picture(slot, each.mask, "L"),
            )
            for each in request.ip_adapters
        )
        if (like := request.reference_only) is not None:
            picture = self._given(slot, like.image)
            slot.reference_only = shown.reference_only(like, slot.canvas, picture)
        slot.regions = regions_on(slot.canvas, request, lambda mask: self._given(slot, mask, "L"))
        # Maps take what their networks take, whatever the size; a store that was away says nothing
        # of the jobs after it.
        if slot.record.extent.given and not request.controls and self._failed < began:
            self.offer.prepare.took(time.monotonic() - began, slot.record.extent.given)

    def _map(self, name: str, picture: Picture) -> Picture:
        """What a preprocessor with weights of its own makes of a picture."""
        mappers = self.offer.mappers
        try:
            if mappers is None:
                raise SourceError(f"There is no preprocessor {name!r} on this worker.")
            return mappers.map(name, picture)
        except SourceError as error:
            raise Unprepared(str(error)) from error

    def _readings(self, slot: Slot) -> dict[str, str]:
        """What the model takes each of the job's prompts for, where it takes it for another."""
        request = slot.request
        prompts = {
            text
            for each in _different(request)
            for text in (each.prompt, each.blend_prompt)
            if text
        }
        prompts |= {each.prompt for each in request.regions}
        if request.hires and request.hires.prompt:
            prompts.add(request.hires.prompt)
        read = {text: self.offer.read_as(request.model, text) for text in prompts}
        return {text: other for text, other in read.items() if other is not None}

    def _strangers(self, slot: Slot) -> dict[str, list[str]]:
        """By each picture's prompt the words in it that say nothing to the model."""
        request = slot.request
        if request.loras:  # they may have taught it more
            return {}
        prompts = {each.prompt for each in _different(request)}
        read = {text: slot.readings.get(text, text) for text in prompts}
        return {text: self.offer.strangers(request.model, other) for text, other in read.items()}

    def _picture(self, slot: Slot, image: str | None, mode: str) -> Image.Image | None:
        return None if image is None else self._given(slot, image, mode)

    def _given(self, slot: Slot, image: str, mode: str = "RGB") -> Image.Image:
        data = self._bytes(slot, image)
        try:
            return Image.open(io.BytesIO(data)).convert(mode)
        except OSError as error:
            raise CanvasError("The picture that the job starts from is damaged.") from error

    def _bytes(self, slot: Slot, image: str) -> bytes:
        """What the store has, however long it is away, up to PATIENCE."""
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                return self.images.read(image)
            except FileNotFoundError:
                raise FileNotFoundError(
                    "The picture that the job starts from is not in the store any more."
                ) from None
            except OSError as error:
                self._failed = time.monotonic()
                if self._over(slot) or self._failed > give_up:
                    raise
                log.error("cannot read a picture of job %s: %s", slot.id, error.__cause__ or error)
                time.sleep(PAUSE)

    def _over(self, slot: Slot) -> bool:
        return slot.lost or slot.stop or self.board.cold


def _different(request: ResolvedRequest) -> list[ResolvedRequest]:
    """What is asked of each picture; of one alone where all are asked the same but for the seed."""
    several = request.walk or request.wordings
    return [request.alone(index) for index in range(request.count if several else 1)]
