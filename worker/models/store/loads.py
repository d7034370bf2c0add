"""One thing from its files into memory, with what it takes: bytes before, seconds after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.families.model import LoadedModel
from worker.engine.prompt.kept import KeptEmbeddings
from worker.models.files.add_ons import add_on_parameters
from worker.models.files.errors import SourceError
from worker.models.files.sources import locate
from worker.models.inventory.fitting import advice, fit, weights_of
from worker.models.loading.add_ons.add_ons import load_add_on, load_autoencoder_for
from worker.models.loading.loader import load_model
from worker.models.loading.memory.machine import machine_of
from worker.models.loading.memory.sizes import add_on_bytes, model_bytes, needed_bytes
from worker.models.loading.networks.reading import Report
from worker.models.store.embeddings import Embeddings
from worker.models.store.shelf import Key
from worker.models.store.wanted import Took
from worker.models.tables import AddOnEntry, ModelEntry

MakeRoom = Callable[[int], None]
"""Waits until so many bytes fit."""


class Loads:
    """Loads models and add-ons onto a device; `took` has what each model took the last time, and
    `kept` what text encoders made that are not kept themselves."""

    def __init__(
        self,
        device: torch.device,
        embeddings: Embeddings,
        kept: KeptEmbeddings | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        self._device = device
        self._machine = machine_of(device, limit_bytes)
        self._kept = kept
        self._embeddings = embeddings
        self.took: dict[str, Took] = {}

    def model(
        self,
        entry: ModelEntry,
        make_room: MakeRoom,
        *,
        began: Callable[[float], None],
        progress: Report,
    ) -> tuple[Any, int]:
        """A model and its bytes. `began` is told when it had room. Raises ModelUnavailable."""
        with _as_unavailable():
            self._room_for(entry, make_room)
            start = time.monotonic()
            began(start)
            model = load_model(entry, self._device, progress=progress, kept=self._kept)
            if isinstance(model, LoadedModel):
                self._embeddings.read()
                self._embeddings.teach(model)
            size = model_bytes(model)
            self.took[entry.name] = Took(time.monotonic() - start, size)
            return model, size

    def _room_for(self, entry: ModelEntry, make_room: MakeRoom) -> None:
        try:
            make_room(needed_bytes(entry, self._device))
        except ModelUnavailable as error:
            best = fit(weights_of(locate(entry)), self._machine)
            raise ModelUnavailable(f"{error} {advice(best, self._machine)}") from error

    def add_on(
        self, key: Key, entry: AddOnEntry, beside: ModelEntry | None, make_room: MakeRoom
    ) -> tuple[Any, int]:
        """An add-on and its bytes; an autoencoder is for the model `beside`. Raises
        ModelUnavailable."""
        if key.kind == "model" or key.dtype is None:
            raise ValueError(f"{key} is no add-on.")
        with _as_unavailable():
            make_room(add_on_parameters(entry) * key.dtype.itemsize)
            if beside is not None:
                add_on = load_autoencoder_for(beside, entry, self._device, key.dtype)
            else:
                add_on = load_add_on(key.kind, entry, self._device, key.dtype)
            return add_on, add_on_bytes(add_on)


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except SourceError as error:
        raise ModelUnavailable(str(error)) from error
