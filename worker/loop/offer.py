"""What this worker offers, which of it is warm, and how fast it turned out to be."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any

from redis import Redis

from jobs.records import lanes, workers
from jobs.records.workers import PictureCost, WorkerInfo
from jobs.request.model_card import ModelCard
from worker.engine import Cost
from worker.loop.pace import Pace
from worker.models.adding.place import Place
from worker.models.files.word_tables import WordTables
from worker.models.inventory.hashes import Hashes
from worker.models.loading.mappers import Mappers
from worker.models.loading.masks.segmenters import Segmenters
from worker.models.store.model_store import ModelStore

MEMORY = 120.0
"""Busy seconds after which a measurement has lost half its weight."""

ENOUGH = 2.0
"""Busy seconds before a rate is worth telling."""


class Rate:
    """Jobs finished per busy second, the recent ones counting more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs = 0.0
        self._seconds = 0.0

    def finished(self) -> None:
        """A job was finished."""
        with self._lock:
            self._jobs += 1

    def busy(self, seconds: float) -> None:
        """The worker had jobs for this long."""
        with self._lock:
            fade = 0.5 ** (seconds / MEMORY)
            self._jobs *= fade
            self._seconds = self._seconds * fade + seconds

    @property
    def per_second(self) -> float | None:
        """Jobs a busy second; None until enough was measured."""
        with self._lock:
            if self._seconds < ENOUGH or self._jobs < 1:
                return None
            return round(self._jobs / self._seconds, 4)


class Offer:
    """The models of the worker `name`, as it advertises them; `costs` asks its engine what it
    measured, `compiled` which of them it made faster for its machine. `finish` is how long pictures
    took from their last pixel until they were stored and told of, `prepare` how long it took to
    read those that jobs start from."""

    def __init__(
        self,
        name: str,
        connection: Redis,
        cards: list[ModelCard],
        models: ModelStore,
        hashes: Hashes,
        *,
        device: str,
        capacity: int,
        costs: Callable[[], list[Cost]],
        compiled: Callable[[], Mapping[str, str]] = dict,
        words: WordTables | None = None,
        mappers: Mappers | None = None,
        segmenters: Segmenters | None = None,
        place: Place | None = None,
    ) -> None:
        self._name = name
        self._connection = connection
        self._cards = tuple(cards)
        self._hashes = hashes
        self.problems: tuple[str, ...] = ()
        self.known: tuple[str, ...] = tuple(card.name for card in cards)
        self.looked = 0
        self._words = words
        self.mappers = mappers
        self.segmenters = segmenters
        self._place = place
        self.models = models
        self.device = device
        self.capacity = capacity
        self.rate = Rate()
        self._costs = costs
        self._compiled = compiled
        self.finish = Pace()
        self.prepare = Pace()
        self._enlarging: dict[str, Pace] = {}

    def change(self, cards: Sequence[ModelCard]) -> None:
        """Offer these models from now on."""
        self._cards = tuple(cards)

    def enlarged(self, upscaler: str, seconds: float, pixels: int) -> None:
        """An upscaler took so long for a picture of so many pixels."""
        self._enlarging.setdefault(upscaler, Pace()).took(seconds, pixels)

    @property
    def lane_models(self) -> set[str]:
        """The models on offer, by the names they have in lanes."""
        return {lanes.lane(card.name, "normal", "").model for card in self._cards}

    @property
    def plain_cards(self) -> tuple[ModelCard, ...]:
        """The models on offer without their hashes; the same object until they change."""
        return self._cards

    @property
    def cards(self) -> list[ModelCard]:
        """The models as callers see them."""
        return [
            card.model_copy(update={"sha256": self._hashes.get(card.name)}) for card in self._cards
        ]

    def sha256(self, model: str) -> str | None:
        """Hash of the weights that a model's pictures are made with; None while it is not known.

        Not always those that it is offered with: pictures that began before a change end as they
        began."""
        loaded_from = self.models.loaded_from(model)
        return self._hashes.of(model, loaded_from) if loaded_from else self._hashes.get(model)

    def factor(self, model: str) -> int:
        """Pixels that width and height of a model's pictures are multiples of."""
        return next((card.factor for card in self._cards if card.name == model), 8)

    def read_as(self, model: str, prompt: str) -> str | None:
        """What a model's table of words takes a prompt for; None where it changes nothing."""
        return self._words.read_as(model, prompt) if self._words else None

    def strangers(self, model: str, prompt: str) -> list[str]:
        """The words of a prompt that a model was not taught, by its table of words; none where it
        has no table. Words that an embedding has taught it are known."""
        found = self._words.strangers(model, prompt) if self._words else []
        if not found:
            return []
        learned = {
            each.name.lower()
            for card in self._cards
            if card.name == model
            for each in card.embeddings
        }
        return [word for word in found if word.lower() not in learned]

    def story(self, model: str) -> dict[str, Any] | None:
        """How a model was taught; None where it brings no story of that."""
        return self._words.story(model) if self._words else None

    def warm_lanes(self) -> set[str]:
        """The models in memory, by the names they have in lanes."""
        return {lanes.lane(name, "normal", "").model for name in self.models.warm()}

    def advertise(self, running: int) -> None:
        """Tell Redis that the worker is alive, how many jobs it runs and what it offers."""
        info = WorkerInfo(
            name=self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=self.device,
            models=self.cards,
            warm=self.models.warm(),
            loading=self.models.all_loading(),
            running=running,
            capacity=self.capacity,
            jobs_per_second=self.rate.per_second,
            costs=[PictureCost(**asdict(each)) for each in self._costs()],
            finish_s=self.finish.each or 0.0,
            finish_pixel_s=self.finish.each_pixel,
            prepare=self.prepare.measured,
            enlarging={name: each.measured for name, each in self._enlarging.copy().items()},
            ready_in=self.models.ready_in(),
            known=list(self.known),
            problems=list(self.problems),
            compiled_by=dict(self._compiled()),
            place=self._place.id if self._place else "",
            free_bytes=self._place.free if self._place else None,
            looked=self.looked,
        )
        workers.advertise(self._connection, info)

    def withdraw(self) -> None:
        """Tell Redis that the worker is going."""
        workers.withdraw(self._connection, self._name)
