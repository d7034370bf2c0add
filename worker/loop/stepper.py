"""Steps the engine: takes in what is ready, drops what was stopped, hands on what is finished."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from jobs.records.shares import WEIGHTS
from jobs.request.model_card import ModelCard
from worker.engine import Engine, Finished, ImageRequest, Study
from worker.loop.board import Board
from worker.loop.offer import Offer
from worker.loop.outcome.settler import Settler
from worker.loop.slot import Slot, parse_task_id
from worker.models.store.model_store import ModelStore

IDLE_WAIT = 0.5
"""Seconds the engine's thread sleeps with nothing to do; work that comes wakes it at once."""

PAUSE = 0.02
"""Seconds between two looks at what all pictures wait for: a model that is being loaded, or what is
done of them beside the steps."""


class Stepper:
    """What the main thread of a worker does, which alone adds to the engine and steps it.

    It never waits for Redis, so an outage stops no step.
    """

    def __init__(
        self,
        board: Board,
        engine: Engine,
        models: ModelStore,
        settler: Settler,
        warm_up: WarmUp | None = None,
    ) -> None:
        self.board = board
        self.engine = engine
        self.models = models
        self.settler = settler
        self.warm_up = warm_up
        self._at: Study | None = None

    def turn(self) -> None:
        """Make one step, or rest where there is none to make."""
        for model, same in self.models.changes():
            if same:
                self.engine.let_go(model)
            else:
                self.engine.forget(model)
        for slot in self.board.handed_in():
            self._admit(slot)
        for slot in self.board.held():
            if (slot.stop or slot.lost) and not slot.settling:
                self._drop_tasks(slot)
                self.settler.end(slot)
        studied = self._study()
        if self.engine.idle:
            if studied:
                return
            self.board.stepped = time.monotonic()
            if self.warm_up is None or not self.warm_up.step():
                self.board.rest(IDLE_WAIT)
            return
        finished = self.engine.step()
        self.board.stepped = time.monotonic()
        for each in finished:
            self._hand_on(each)
        if not finished and self.engine.waiting:
            self.board.rest(PAUSE)

    def _study(self) -> bool:
        """Some of what somebody wants to see of a model; whether there was any."""
        self._at = self._at or self.board.next_study()
        if self._at is None:
            return False
        if self.engine.study(self._at):
            self._at = None
        self.board.stepped = time.monotonic()
        return True

    def _admit(self, slot: Slot) -> None:
        if slot.settling:
            self._drop_tasks(slot)
            return
        if slot.error is not None or slot.stop or slot.lost:
            self.settler.end(slot)
            return
        if slot.canvas is None:
            # The worker stops, and gives it back.
            return
        for index in range(slot.request.count):
            self.engine.add(
                slot.task_id(index),
                slot.image_request(index),
                deadline=slot.deadline,
                caller=slot.lane.caller,
                weight=WEIGHTS[slot.lane.priority],
            )

    def _hand_on(self, finished: Finished) -> None:
        job_id, lease_id, index = parse_task_id(finished.task_id)
        slot = self.board.get(job_id)
        if slot is None or slot.settling or slot.lease.id != lease_id:
            if finished.trace is not None:
                finished.trace.close()
            return
        if finished.image is not None:
            self.settler.store(slot, index, finished)
            return
        self._drop_tasks(slot)
        self.settler.fail(slot, finished.error)

    def _drop_tasks(self, slot: Slot) -> None:
        for index in range(slot.request.count):
            self.engine.cancel(slot.task_id(index))


class WarmUp:
    """Measures, with nothing else to do, how many rows of each model are best for a forward."""

    def __init__(self, engine: Engine, offer: Offer) -> None:
        self.engine = engine
        self.offer = offer
        self._cards: Sequence[ModelCard] = ()
        self._requests: list[ImageRequest] = []

    def step(self) -> bool:
        """One forward for a model that is in memory; False once nothing is left to learn."""
        if self._cards is not self.offer.plain_cards:
            self._cards = self.offer.plain_cards
            self._requests = [warm_up_request(card) for card in self._cards if card.batched]
        warm = self.offer.models.warm()
        measured = any(
            request.model in warm and self.engine.warm_up(request) for request in self._requests
        )
        return measured or self.engine.improve()


def warm_up_request(card: ModelCard) -> ImageRequest:
    """A picture as callers most often ask this model for: its own size, steps and guidance, and
    from a picture, by editing one, or under a mask, where it makes no others."""
    size = card.height, card.width
    from_picture = "text-to-image" not in card.kinds
    picture = np.zeros((*size, 3), np.uint8) if from_picture else None
    under_mask = from_picture and "inpaint" in card.kinds and "image-to-image" not in card.kinds
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
        image=picture,
        references=(picture,) if picture is not None and "edit" in card.kinds else (),
        mask=np.full(size, 255, np.uint8) if under_mask else None,
    )
