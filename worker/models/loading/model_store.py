"""Models in memory: loaded in the background when asked for, kept while they fit."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.model_source import AddOnKind
from worker.engine.parts.model import LoadedModel
from worker.engine.whole.pipeline import WholeModel
from worker.models.catalogue import Catalogue
from worker.models.files.add_ons import add_on_parameters
from worker.models.files.errors import SourceError
from worker.models.loading.add_ons import add_embeddings, load_add_on
from worker.models.loading.free import HEADROOM, give_back
from worker.models.loading.loader import load_model
from worker.models.loading.shelf import WORDS, Key, Kind, Shelf
from worker.models.loading.sizes import add_on_bytes, model_bytes, model_dtype, needed_bytes
from worker.models.tables import AddOnEntry, ModelEntry

log = logging.getLogger(__name__)

TURN = 30.0
"""Seconds a load waits for a model in use before that model takes no new pictures."""

RETRY = 5.0
"""Seconds for which a failed load answers everybody who waited; the next one loads again."""

STOP = 10.0
"""Seconds that a worker on its way out waits for a load under way; it is a daemon thread."""

POLL = 0.1
"""Seconds between two looks at whether a model in use has been let go."""

TELLING = 0.1
"""Share of a model that must be there before the time so far says how long the rest takes."""

WHERE: dict[Kind, str] = {
    "model": "model",
    "lora": "loras",
    "controlnet": "controls",
    "upscaler": "upscaler",
}
"""The field of a request that names each."""


@dataclass
class _Wanted:
    beside: str
    fraction: float = 0.0
    turn: float | None = None
    began: float | None = None


@dataclass
class _Failure:
    reason: str
    told_at: float | None = None


class _GiveWay(Exception):
    """An add-on of a model that is loaded goes before the model that waits for room."""


class _Ending(Exception):
    """The worker ends; a load under way stops at its next tensor."""


class ModelStore:
    """The engine's ModelSource: one for each worker process. Every method may be called anywhere.

    A model or add-on is in use while anybody besides the store holds it: the engine's tasks do
    from their first step to their last. Only what nobody holds is unloaded, the least recently
    asked for first, so none goes away under a picture and nothing must be registered.

    A load that finds no room waits for something to fall idle. Steady traffic could keep a model
    busy for ever, so after `turn_s` the store answers None for it, as if it were loading: its
    pictures under way finish, new ones wait for their turn. An add-on never displaces its model,
    or another that the same picture waits for; what cannot lie there together is refused.

    `limit_bytes` caps the parameters of all that is loaded; without it what the device has free
    decides.
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
        self._turn_s = turn_s
        self._changed = threading.Condition()
        self._shelf = Shelf(device, limit_bytes)
        self._wanted: OrderedDict[Key, _Wanted] = OrderedDict()
        self._failed: dict[Key, _Failure] = {}
        self._took: dict[str, tuple[float, int]] = {}
        self._closing: Key | None = None
        self._loader: threading.Thread | None = None
        self._stopped = False

    def get(self, name: str) -> LoadedModel | WholeModel | None:
        """The model, or None while it is being loaded in the background; never blocks.

        Hold on to what it returns for as long as a picture needs it. Raises ModelUnavailable for
        an unknown name and after a failed load; a later request tries the load again.
        """
        return self._get(Key("model", name), name)

    def add_on(self, kind: AddOnKind, name: str, model: str) -> Any | None:
        """A LoRA, ControlNet or upscaler for use with `model`, as `get` gives the model itself.

        Raises ModelUnavailable as well where it does not fit into memory beside the model.
        """
        return self._get(Key(kind, name, self._dtype(model)), model)

    def preload(self, name: str) -> None:
        """Load a model and wait for it. Raises ModelUnavailable as `get` does."""
        key = Key("model", name)
        with self._changed:
            while key not in self._shelf:
                self._want(key, name)
                self._changed.wait()
            self._shelf.keep_no_longer(key)

    def warm(self) -> list[str]:
        """Names of the models in memory, the most recently asked for last."""
        with self._changed:
            return self._shelf.models

    def loading(self, name: str, kind: Kind = "model") -> float | None:
        """How much of a model or add-on is loaded, 0 to 1; 0 while it waits for room, and None
        where nobody waits for it."""
        with self._changed:
            for key, wanted in self._wanted.items():
                if (key.kind, key.name) == (kind, name):
                    return wanted.fraction
            return None

    def all_loading(self) -> dict[str, float]:
        """The models that are being loaded or wait to be, each with how much of it is there."""
        with self._changed:
            return {
                key.name: it.fraction for key, it in self._wanted.items() if key.kind == "model"
            }

    def ready_in(self) -> dict[str, float]:
        """The models that are not in memory, each with the seconds until it should be: of those
        that are being loaded, and of those that were before and have room. Others are missing."""
        found: dict[str, float] = {}
        with self._changed:
            for name, (took, size) in self._took.items():
                if Key("model", name) not in self._shelf and self._shelf.fits(size, HEADROOM):
                    found[name] = took
            for key, wanted in self._wanted.items():
                if key.kind != "model":
                    continue
                left = self._left(key.name, wanted)
                found.pop(key.name, None)
                if left is not None:
                    found[key.name] = left
        return found

    def _left(self, name: str, wanted: _Wanted) -> float | None:
        if wanted.began is None:
            return None
        passed = time.monotonic() - wanted.began
        if name in self._took:
            return max(0.0, self._took[name][0] - passed)
        if wanted.fraction < TELLING:
            return None
        return passed / wanted.fraction * (1 - wanted.fraction)

    def close(self) -> None:
        """Let go of every model and end the loading; waits up to 10 s for a load under way."""
        with self._changed:
            self._stopped = True
            self._wanted.clear()
            self._shelf.clear()
            self._changed.notify_all()
            loader = self._loader
        if loader is not None:
            loader.join(timeout=STOP)

    def _get(self, key: Key, model: str) -> Any | None:
        with self._changed:
            if key not in self._shelf:
                self._want(key, model)
                return None
            return None if key == self._closing else self._shelf.fetch(key, beside=model)

    def _want(self, key: Key, model: str) -> None:
        if self._stopped:
            raise ModelUnavailable(
                f"{WHERE[key.kind]}: {key.name} is not loaded any more: the worker is ending."
            )
        self._check_known(key)
        self._tell_failure(key)
        self._wanted.setdefault(key, _Wanted(model))
        if self._loader is None:
            self._loader = threading.Thread(target=self._load_wanted, name="models", daemon=True)
            self._loader.start()

    def _check_known(self, key: Key) -> None:
        tables = self._tables(key.kind)
        if key.name not in tables:
            there_are = ", ".join(tables) or "none"
            raise ModelUnavailable(
                f"{WHERE[key.kind]}: no {WORDS[key.kind]} is named {key.name!r}; there are"
                f" {there_are}."
            )

    def _tables(self, kind: Kind) -> Mapping[str, ModelEntry | AddOnEntry]:
        return {
            "model": self._catalogue.entries,
            "lora": self._catalogue.loras,
            "controlnet": self._catalogue.controlnets,
            "upscaler": self._catalogue.upscalers,
        }[kind]

    def _dtype(self, model: str) -> torch.dtype:
        self._check_known(Key("model", model))
        return model_dtype(self._catalogue[model], self._device)

    def _tell_failure(self, key: Key) -> None:
        failure = self._failed.get(key)
        if failure is None:
            return
        now = time.monotonic()
        # Counted from when it is first told: a long step must not let it pass untold.
        failure.told_at = failure.told_at or now
        if now - failure.told_at < RETRY:
            raise ModelUnavailable(failure.reason)
        del self._failed[key]

    def _load_wanted(self) -> None:
        while True:
            with self._changed:
                key = self._next()
                if key is None:
                    self._loader = None
                    return
            try:
                thing, size = self._load(key)
            except _GiveWay:
                continue
            except Exception as error:
                self._settle(key, None, 0, str(error))
            else:
                self._settle(key, thing, size, "")
                # This frame must not count as somebody who uses the model.
                del thing

    def _next(self) -> Key | None:
        """An add-on whose model is there, else what was asked for first."""
        return self._urgent() or next(iter(self._wanted), None)

    def _urgent(self) -> Key | None:
        """An add-on whose picture waits for nothing else, and holds nothing while it does."""
        for key, wanted in self._wanted.items():
            if key.kind != "model" and Key("model", wanted.beside) in self._shelf:
                return key
        return None

    def _load(self, key: Key) -> tuple[Any, int]:
        def told(fraction: float) -> None:
            if self._stopped:
                raise _Ending
            if wanted := self._wanted.get(key):
                wanted.fraction = min(1.0, max(wanted.fraction, fraction))

        try:
            return self._load_add_on(key) if key.kind != "model" else self._load_model(key, told)
        except SourceError as error:
            raise ModelUnavailable(str(error)) from error

    def _load_model(
        self, key: Key, told: Callable[[float], None]
    ) -> tuple[LoadedModel | WholeModel, int]:
        entry = self._catalogue[key.name]
        self._make_room(key, needed_bytes(entry, self._device))
        began = time.monotonic()
        if wanted := self._wanted.get(key):
            wanted.began = began
        model = load_model(entry, self._device, progress=told)
        if isinstance(model, LoadedModel):
            add_embeddings(model, self._catalogue)
        size = model_bytes(model)
        self._took[key.name] = time.monotonic() - began, size
        return model, size

    def _load_add_on(self, key: Key) -> tuple[Any, int]:
        entry = self._tables(key.kind)[key.name]
        if key.kind == "model" or key.dtype is None or not isinstance(entry, AddOnEntry):
            raise ValueError(f"{key} is no add-on.")
        self._make_room(key, add_on_parameters(entry) * key.dtype.itemsize)
        add_on = load_add_on(key.kind, entry, self._device, key.dtype)
        return add_on, add_on_bytes(add_on)

    def _settle(self, key: Key, thing: Any | None, size: int, reason: str) -> None:
        with self._changed:
            wanted = self._wanted.pop(key, None)
            self._closing = None
            if self._stopped:
                pass
            elif thing is None:
                log.error("%s", reason)
                self._failed[key] = _Failure(reason)
            else:
                beside = wanted.beside if wanted else key.name
                self._shelf.put(key, thing, size, beside=beside, keep_s=self._turn_s)
            self._changed.notify_all()

    def _make_room(self, key: Key, needed: int) -> None:
        """Wait until `needed` bytes fit, unloading what is idle on the way."""
        while True:
            with self._changed:
                wanted, now = self._wanted.get(key), time.monotonic()
                if wanted is None or self._shelf.fits(needed, HEADROOM):
                    return
                wanted.turn = wanted.turn or now + self._turn_s
                if key.kind == "model" and now < wanted.turn and self._urgent():
                    raise _GiveWay
                beside = None if key.kind == "model" else wanted.beside
                unloaded = self._shelf.take_down(beside)
                if unloaded is None:
                    others = self._shelf.in_the_way(beside)
                    # With nothing left to unload, little headroom is better than no model at all.
                    if not others:
                        self._check_fits(key, needed)
                        return
                    if now > wanted.turn:
                        self._closing = others[0]
                    self._changed.wait(POLL)
                    continue
            # Not under the lock, which the engine's thread takes between two steps.
            give_back(self._device)
            log.info("Unloaded %s.", unloaded)

    def _check_fits(self, key: Key, needed: int) -> None:
        if self._shelf.fits(needed, 0):
            return
        beside = f" beside {self._shelf}" if str(self._shelf) else ""
        raise ModelUnavailable(
            f"{WHERE[key.kind]}: {key.name} needs {needed / 1e9:.2f} GB of memory for its weights"
            f" on {self._device}, and {self._shelf.room() / 1e9:.2f} GB are there for models"
            f"{beside}."
        )
