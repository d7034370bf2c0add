"""Takes questions on models and has them answered, between the steps of the pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError

from jobs.additions import errands, studies
from jobs.additions.errands import Errand, Refusal
from jobs.additions.studies import AutoencodeRequest, ForwardRequest, TokenizeRequest
from jobs.pictures.image_store import ImageStore
from jobs.records import workers
from worker.engine import (
    EngineError,
    InvalidRequest,
    LoadedModel,
    ModelUnavailable,
    Study,
    anatomy,
)
from worker.loop.board import Board
from worker.loop.errands import explained
from worker.loop.errands.answers import answer
from worker.loop.offer import Offer
from worker.models.files.errors import SourceError
from worker.models.loading.masks.words import TooManyWords

log = logging.getLogger("darkroom.worker")

AT_ONCE = 2
"""Questions that are worked on at once; what they ask of networks is done one after another."""

LOOK = 0.05
"""Seconds between two looks whether a model is in memory."""

TRY = 1.0
"""Seconds between two tries to reach Redis."""

T = TypeVar("T")


class Explainer:
    """The thread of a worker that takes questions on the models it offers."""

    def __init__(self, board: Board, connection: Redis, offer: Offer, images: ImageStore) -> None:
        self._images = images
        self._board = board
        self._connection = connection
        self._offer = offer
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="explainer")

    def run(self) -> None:
        """Take questions until the worker is over."""
        while not self._board.over.is_set():
            if self._board.warm:
                # Whoever takes no jobs any more takes no questions.
                self._board.over.wait(TRY)
                continue
            try:
                errand = errands.take(self._connection, *self._places())
            except RedisError as error:
                log.error("questions on models wait for Redis: %s", error)
                self._board.over.wait(TRY)
                continue
            if errand is not None:
                self._pool.submit(self._do, errand)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _places(self) -> list[str]:
        """Where to take questions: of the models in memory, and of those in nobody's memory."""
        mine = {card.name for card in self._offer.plain_cards}
        warm = [name for name in reversed(self._offer.models.warm()) if name in mine]
        theirs = {name for each in workers.live(self._connection) for name in each.warm}
        cold = sorted(mine - theirs - set(warm))
        return [studies.place_of(name) for name in (*warm, *cold)] or [studies.place_of("")]

    def _do(self, errand: Errand) -> None:
        answer(self._connection, errand, self._answered, _refusal_of)

    def _answered(self, errand: Errand) -> dict[str, Any]:
        said = errand.fields
        if errand.action == "story":
            nothing: dict[str, Any] = {"continued": False, "prompts": [], "curve": [], "grids": []}
            return self._offer.story(said["model"]) or nothing
        if errand.action == "map":
            return {"picture": self._map(said["asked"]["preprocessor"], said["picture"])}
        if errand.action == "segment":
            return {"picture": self._segmented(said["asked"], said["picture"])}
        model = self._model(said["model"], errand.until)
        asked, caller = said["asked"], str(said["caller"])

        def study(work: Callable[[], T]) -> T:
            made = Study(caller, model, work)
            self._board.show(made)
            return made.result.result(timeout=errands.KEPT)

        match errand.action:
            case "schedule":
                return explained.schedule(model, asked)
            case "tokenize":
                prompt = TokenizeRequest(**asked).prompt
                read = self._offer.read_as(model.name, prompt)
                return {"read_as": read, **explained.words(model, prompt)}
            case "forward":
                wish = ForwardRequest(**asked)
                if wish.prompt and (read := self._offer.read_as(model.name, wish.prompt)):
                    # As in a job.
                    wish = wish.model_copy(update={"prompt": read})
                return explained.drowned(model, wish, said["picture"], study)
            case "autoencode":
                pictures = said["picture"], said["other"]
                return explained.encoded(model, AutoencodeRequest(**asked), pictures, study)
            case "decode":
                data = self._images.read(asked["file"])
                try:
                    latents = anatomy.tensor_in(data, asked["tensor"])
                except KeyError:
                    raise Refusal(404, f"the trace has no {asked['tensor']}") from None
                decoded = study(lambda: anatomy.decoded(model, latents))
                return {"picture": explained.png(decoded)}
            case "acted":
                trace = self._images.read(asked["file"])
                return {"picture": explained.png(explained.acted(model, trace, asked, study))}
            case _:
                raise Refusal(500, f"nobody knows how to {errand.action}")

    def _map(self, name: str, picture: str) -> str:
        """What a preprocessor with weights of its own makes of a picture."""
        if self._offer.mappers is None:
            raise Refusal(503, f"there is no preprocessor {name} on this worker")
        try:
            return explained.png(self._offer.mappers.map(name, explained.opened(picture)))
        except SourceError as error:
            raise Refusal(503, str(error)) from error

    def _segmented(self, asked: dict[str, Any], picture: str) -> str:
        """How surely each place of a picture is what was asked for, as greys."""
        segmenters, name = self._offer.segmenters, asked["segmenter"]
        if segmenters is None:
            raise Refusal(503, f"there is no segmenter {name} on this worker")
        try:
            return explained.segmented(segmenters, asked, picture)
        except TooManyWords as error:
            raise Refusal(422, str(error), "words") from error
        except SourceError as error:
            raise Refusal(503, str(error)) from error

    def _model(self, name: str, until: float) -> LoadedModel:
        """The model, once it is in memory."""
        end = time.monotonic() + errands.KEPT
        while (model := self._offer.models.get(name)) is None:
            if time.monotonic() > end or self._board.over.is_set():
                raise Refusal(503, f"{name} is still being loaded; ask again")
            time.sleep(LOOK)
        if not isinstance(model, LoadedModel):
            detail = "runs whole, as its pipeline came, and cannot be looked into"
            raise Refusal(422, detail, "model")
        return model


def _refusal_of(error: Exception) -> Refusal | None:
    """What an error of the engine means for who asked."""
    match error:
        case InvalidRequest():
            field, _, detail = str(error).partition(": ")
            return Refusal(422, detail or field, field if detail else "")
        case ModelUnavailable():
            return Refusal(503, str(error))
        case EngineError():
            return Refusal(409, str(error))
        case _:
            return None
