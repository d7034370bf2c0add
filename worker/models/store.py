"""Models in memory: loaded in the background when asked for, kept while they fit."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import psutil
import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.model import LoadedModel
from worker.models.catalogue import Catalogue
from worker.models.loader import load_model, model_bytes, model_dtype
from worker.models.sources import SourceError, locate

log = logging.getLogger(__name__)

HEADROOM = 1_500_000_000
"""Bytes left for the forwards: one 512x512 row of Stable Diffusion and its decode take less."""

TURN = 30.0
"""Seconds a load waits for a model in use before that model takes no new pictures."""

RETRY = 5.0
"""Seconds for which a failed load answers everybody who waited; the next one loads again."""

STOP = 10.0
"""Seconds that a worker on its way out waits for a load under way; it is a daemon thread."""

POLL = 0.1
"""Seconds between two looks at whether a model in use has been let go."""


@dataclass
class _Failure:
    reason: str
    told_at: float | None = None


class ModelStore:
    """The engine's ModelSource: one for each worker process. Every method may be called anywhere.

    A model is in use while anybody besides the store holds the LoadedModel: the engine's tasks
    do from their first step to their last. Only a model that nobody holds is unloaded, the least
    recently asked for first, so none goes away under a picture and nothing must be registered.

    A load that finds no room waits for a model to fall idle. Steady traffic could keep one busy
    for ever, so after `turn_s` the store answers None for that model, as if it were loading: its
    pictures under way finish, new ones wait for their turn.

    `limit_bytes` caps the parameters of all loaded models together; without it what the device
    has free decides.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        device: torch.device,
        *,
        limit_bytes: int | None = None,
        turn_s: float = TURN,
    ) -> None:
        self._catalogue = catalogue
        self._device = device
        self._limit_bytes = limit_bytes
        self._turn_s = turn_s
        self._changed = threading.Condition()
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._failed: dict[str, _Failure] = {}
        # Loaded and not fetched yet, until when: the engine asks between two steps only, and a
        # model that went before it asked again would be loaded in vain.
        self._kept: dict[str, float] = {}
        self._closing: str | None = None
        self._loader: threading.Thread | None = None
        self._stopped = False

    def get(self, name: str) -> LoadedModel | None:
        """The model, or None while it is being loaded in the background; never blocks.

        Hold on to what it returns for as long as a picture needs it. Raises ModelUnavailable for
        an unknown name and after a failed load; a later request tries the load again.
        """
        with self._changed:
            model = self._loaded.get(name)
            if model is not None and name != self._closing:
                self._loaded.move_to_end(name)
                self._kept.pop(name, None)
                return model
            if model is None:
                self._want(name)
            return None

    def preload(self, name: str) -> None:
        """Load a model and wait for it. Raises ModelUnavailable as `get` does."""
        with self._changed:
            while name not in self._loaded:
                self._want(name)
                self._changed.wait()
            self._kept.pop(name, None)

    def warm(self) -> list[str]:
        """Names of the models in memory, the most recently asked for last."""
        with self._changed:
            return list(self._loaded)

    def close(self) -> None:
        """Let go of every model and end the loading; waits up to 10 s for a load under way."""
        with self._changed:
            self._stopped = True
            self._wanted.clear()
            self._loaded.clear()
            self._changed.notify_all()
            loader = self._loader
        if loader is not None:
            loader.join(timeout=STOP)

    def _want(self, name: str) -> None:
        if self._stopped:
            raise ModelUnavailable(f"model: {name} is not loaded any more: the worker is ending.")
        if name not in self._catalogue:
            there_are = ", ".join(self._catalogue.entries)
            raise ModelUnavailable(f"model: no model is named {name!r}; there are {there_are}.")
        self._tell_failure(name)
        self._wanted.setdefault(name)
        if self._loader is None:
            self._loader = threading.Thread(target=self._load_wanted, name="models", daemon=True)
            self._loader.start()

    def _tell_failure(self, name: str) -> None:
        failure = self._failed.get(name)
        if failure is None:
            return
        now = time.monotonic()
        # Counted from when it is first told: a long step must not let it pass untold.
        failure.told_at = failure.told_at or now
        if now - failure.told_at < RETRY:
            raise ModelUnavailable(failure.reason)
        del self._failed[name]

    def _load_wanted(self) -> None:
        while True:
            with self._changed:
                name = next(iter(self._wanted), None)
                if name is None:
                    self._loader = None
                    return
            try:
                model = self._load(name)
            except Exception as error:
                self._settle(name, None, str(error))
            else:
                self._settle(name, model, "")
                # This frame must not count as somebody who uses the model.
                del model

    def _load(self, name: str) -> LoadedModel:
        entry = self._catalogue[name]
        try:
            parameters = locate(entry).parameters()
        except SourceError as error:
            raise ModelUnavailable(str(error)) from error
        self._make_room(name, parameters * model_dtype(entry, self._device).itemsize)
        return load_model(entry, self._device)

    def _settle(self, name: str, model: LoadedModel | None, reason: str) -> None:
        with self._changed:
            self._wanted.pop(name, None)
            self._closing = None
            if model is None:
                log.error("%s", reason)
                self._failed[name] = _Failure(reason)
            elif not self._stopped:
                self._loaded[name] = model
                self._kept[name] = time.monotonic() + self._turn_s
            self._changed.notify_all()

    def _make_room(self, name: str, needed: int) -> None:
        """Wait until `needed` bytes fit, unloading idle models on the way."""
        turn = time.monotonic() + self._turn_s
        with self._changed:
            while not self._stopped and not self._fits(needed, HEADROOM):
                if self._unload_one():
                    continue
                if not self._loaded:
                    break
                if time.monotonic() > turn:
                    self._closing = next(iter(self._loaded))
                self._changed.wait(POLL)
            # With nothing left to unload, little headroom is better than no model at all.
            if self._stopped or self._fits(needed, 0):
                return
            room = self._room()
        raise ModelUnavailable(
            f"model: {name} needs {needed / 1e9:.2f} GB of memory for its weights on"
            f" {self._device}, and {room / 1e9:.2f} GB are there for models."
        )

    def _fits(self, needed: int, headroom: int) -> bool:
        if self._limit_bytes is not None:
            headroom = 0
        return needed + headroom <= self._room()

    def _room(self) -> int:
        if self._limit_bytes is not None:
            return self._limit_bytes - sum(map(model_bytes, self._loaded.values()))
        return free_bytes(self._device)

    def _unload_one(self) -> bool:
        """Unload the least recently asked-for model that nobody holds; False if there is none."""
        now = time.monotonic()
        for name in list(self._loaded):
            if self._kept.get(name, now) > now:
                continue
            held = weakref.ref(self._loaded.pop(name))
            model = held()
            if model is not None:
                # In use, so at the end of the order, where the recently used ones are.
                self._loaded[name] = model
                continue
            # Modules and a failed task's frames may be cycles, which hold their tensors until now.
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            self._kept.pop(name, None)
            log.info("Unloaded %s.", name)
            return True
        return False


def free_bytes(device: torch.device) -> int:
    """Memory that new tensors on `device` can take."""
    if device.type != "cuda":
        return psutil.virtual_memory().available
    free, _ = torch.cuda.mem_get_info(device)
    # What torch's allocator keeps without using it is free for torch.
    idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + idle
