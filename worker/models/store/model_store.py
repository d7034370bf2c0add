"""Models in memory: loaded in the background when asked for, kept while they fit."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import torch

from worker.engine.errors import EngineError, ModelUnavailable
from worker.engine.families.model import LoadedModel
from worker.engine.model_source import AddOnKind
from worker.engine.prompt.kept import KeptEmbeddings
from worker.engine.whole.pipeline import WholeModel
from worker.models.catalogue import Catalogue
from worker.models.inventory.sizes import HEADROOM
from worker.models.loading.memory.free import give_back
from worker.models.loading.memory.sizes import model_dtype
from worker.models.store.embeddings import Embeddings
from worker.models.store.failures import Failures
from worker.models.store.known import GONE, WHERE, Known
from worker.models.store.loads import Loads
from worker.models.store.room import check_fits
from worker.models.store.shelf import Key, Kind, Mark, Shelf
from worker.models.store.wanted import Wanted, ready_in

log = logging.getLogger(__name__)

TURN = 30.0
"""Seconds a load waits for a model in use before that model takes no new pictures."""

STOP = 10.0
"""Seconds that a worker on its way out waits for a load under way; it is a daemon thread."""

POLL = 0.1
"""Seconds between two looks at whether a model in use has been let go."""


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

    The catalogue changes while it works (`follow`). What was removed or is loaded from something
    else now stays for the pictures that began with it. Whatever takes its name is loaded when the
    last of them is done, so that one name never means two things at once.

    `limit_bytes` caps the parameters of all that is loaded; without it what the device has free
    decides. `marks` has what each table's weights are loaded from, `kept` what text encoders made
    that are not kept themselves.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        device: torch.device,
        *,
        marks: Mapping[str, Mark] | None = None,
        limit_bytes: int | None = None,
        turn_s: float = TURN,
        kept: KeptEmbeddings | None = None,
    ) -> None:
        self._known = Known(catalogue, marks)
        self._embeddings = Embeddings(catalogue)
        self._device = device
        self._turn_s = turn_s
        self._changed = threading.Condition()
        self._shelf = Shelf(device, limit_bytes)
        self._wanted: OrderedDict[Key, Wanted] = OrderedDict()
        self._failures = Failures()
        self._loads = Loads(device, self._embeddings, kept, limit_bytes)
        self._loaded_from: dict[str, Mark] = {}
        self._leaving: dict[Key, float] = {}
        self._tried: set[tuple[str, Mark]] = set()
        self._changes: SimpleQueue[tuple[str, bool]] = SimpleQueue()
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
        """A LoRA, ControlNet, upscaler or autoencoder for use with `model`, given as `get` gives
        the model itself.

        Raises ModelUnavailable as well where it does not fit into memory beside the model.
        """
        beside = model if kind == "vae" else ""
        return self._get(Key(kind, name, self._dtype(model), beside), model)

    def preload(self, name: str) -> None:
        """Load a model and wait for it. Raises ModelUnavailable as `get` does."""
        key = Key("model", name)
        with self._changed:
            while key not in self._shelf:
                self._want(key, name)
                self._changed.wait()
            self._shelf.keep_no_longer(key)

    def follow(self, catalogue: Catalogue, marks: Mapping[str, Mark]) -> None:
        """Another catalogue takes the place of the one that was. Reads new embeddings first."""
        self._embeddings.follow(catalogue, marks)
        with self._changed:
            for name in self._known.follow(catalogue, marks):
                self._changes.put((name, False))
            self._shelf.retire(lambda key, mark: self._known.mark(key) != mark)
            self._failures.clear()
            self._changed.notify_all()
        self.tidy()

    def changes(self) -> list[tuple[str, bool]]:
        """Models that whoever keeps one for himself is to let go of, since it was last asked, and
        whether what comes under the name is the same: else what was measured is not true of it."""
        found: list[tuple[str, bool]] = []
        with suppress(Empty):
            while True:
                found.append(self._changes.get_nowait())
        return found

    def loaded_from(self, name: str) -> Mark | None:
        """What the model in memory was loaded from, or was when it last was there."""
        return self._loaded_from.get(name)

    def load(self, name: str) -> None:
        """Have a model loaded in the background. Raises ModelUnavailable for an unknown one."""
        with self._changed:
            key = Key("model", name)
            self._leaving.pop(key, None)
            if key not in self._shelf:
                self._want(key, name)

    def unload(self, name: str) -> None:
        """Take a model out of memory once no picture needs it; one that is asked for by another
        picture before stays, and so does one that is pinned."""
        with self._changed:
            if name in self._shelf.pinned:
                return
            self._leaving[Key("model", name)] = time.monotonic()
            self._changes.put((name, True))
        self.tidy()

    def pin(self, names: Collection[str]) -> None:
        """Keep these models in memory, and no others: what makes room passes them by. One that is
        not there is loaded."""
        with self._changed:
            self._shelf.pinned = frozenset(names)
            self._tried = {attempt for attempt in self._tried if attempt[0] in names}
            for name in sorted(names):
                key = Key("model", name)
                attempt = name, self._known.mark(key)
                if attempt[1] is GONE or key in self._shelf or attempt in self._tried:
                    continue
                # Once: where it does not load, the log says why, and it would say so for ever.
                self._tried.add(attempt)
                with suppress(EngineError):
                    self._want(key, name)

    def tidy(self) -> None:
        """Give back the memory of what was removed, changed or unloaded and is needed no more."""
        with self._changed:
            gone = self._take_down()
        if gone:
            self._let_go(gone)

    def _take_down(self) -> list[Key]:
        gone = self._shelf.take_down_retired()
        for key, since in list(self._leaving.items()):
            if key not in self._shelf or self._shelf.asked_since(key, since):
                del self._leaving[key]
            elif self._shelf.take_down_one(key):
                del self._leaving[key]
                gone.append(key)
        if gone:
            self._changed.notify_all()
        return gone

    def _let_go(self, gone: list[Key]) -> None:
        # Not under the lock, which the engine's thread takes between two steps.
        give_back(self._device)
        log.info("Unloaded %s.", ", ".join(map(str, gone)))

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

    def fits(self, size: int, taken: int) -> bool:
        """Whether so many bytes more have room beside what is loaded, where as many were `taken`
        for the models' sake that are counted nowhere."""
        with self._changed:
            return self._shelf.fits(size + taken * self._shelf.limited, HEADROOM)

    def ready_in(self) -> dict[str, float]:
        """The models that are not in memory, each with the seconds until it should be: of those
        that are being loaded, and of those that were before and have room. Others are missing."""
        with self._changed:
            known = self._loads.took.items()
            cold = {
                name: took.seconds
                for name, took in known
                if Key("model", name) not in self._shelf and self._shelf.fits(took.bytes, HEADROOM)
            }
            return ready_in(cold, self._wanted, self._loads.took)

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
            if key == self._closing:
                return None
            found = self._shelf.fetch(key, beside=model)
        if isinstance(found, LoadedModel):
            self._embeddings.teach(found)
        return found

    def _want(self, key: Key, model: str) -> None:
        if self._stopped:
            raise ModelUnavailable(
                f"{WHERE[key.kind]}: {key.name} is not loaded any more: the worker is ending."
            )
        self._known.check(key)
        self._failures.tell(key)
        self._wanted.setdefault(key, Wanted(model))
        if self._loader is None:
            self._loader = threading.Thread(target=self._load_wanted, name="models", daemon=True)
            self._loader.start()

    def _dtype(self, model: str) -> torch.dtype:
        with self._changed:
            return model_dtype(self._known.model(model), self._device)

    def _load_wanted(self) -> None:
        while True:
            with self._changed:
                gone = self._take_down()
                if not self._wanted:
                    self._loader = None
                ready, over = self._in_turn(), self._loader is None
            if gone:
                self._let_go(gone)
            if over:
                return
            key = next(filter(self._known.is_settled, ready), None)
            if key is None:
                # All that is wanted waits for what had its name before, or for its files.
                time.sleep(POLL)
                continue
            mark = self._known.mark(key)
            try:
                thing, size = self._load(key)
            except _GiveWay:
                continue
            except Exception as error:
                self._settle(key, None, 0, mark, str(error))
            else:
                self._settle(key, thing, size, mark, "")
                # This frame must not count as somebody who uses the model.
                del thing

    def _in_turn(self) -> list[Key]:
        """What has a place: first an add-on whose model is there, then what was asked for first."""
        urgent = self._urgent()
        ready = [key for key in self._wanted if not self._shelf.is_retired(key)]
        return sorted(ready, key=lambda key: key != urgent)

    def _urgent(self) -> Key | None:
        """An add-on whose picture waits for nothing else, and holds nothing while it does."""
        for key, wanted in self._wanted.items():
            beside = Key("model", wanted.beside)
            if key.kind != "model" and beside in self._shelf and not self._shelf.is_retired(key):
                return key
        return None

    def _load(self, key: Key) -> tuple[Any, int]:
        def told(fraction: float) -> None:
            if self._stopped:
                raise _Ending
            if wanted := self._wanted.get(key):
                wanted.fraction = min(1.0, max(wanted.fraction, fraction))

        make_room = partial(self._make_room, key)
        with self._changed:
            if key.kind == "model":
                model, began = self._known.model(key.name), partial(self._began, key)
                load = partial(self._loads.model, model, make_room, began=began, progress=told)
            else:
                entry = self._known.add_on(key)
                beside = self._known.model(key.model) if key.model else None
                load = partial(self._loads.add_on, key, entry, beside, make_room)
        return load()

    def _began(self, key: Key, at: float) -> None:
        if wanted := self._wanted.get(key):
            wanted.began = at

    def _settle(self, key: Key, thing: Any | None, size: int, mark: Mark, reason: str) -> None:
        settled = self._known.is_settled(key)
        with self._changed:
            if not (settled and mark == self._known.mark(key)) and not self._stopped:
                # It was changed meanwhile: what was wanted is to be loaded from what is there now.
                self._closing = None
                self._changed.notify_all()
                return
            wanted = self._wanted.pop(key, None)
            self._closing = None
            if self._stopped:
                pass
            elif thing is None:
                log.error("%s", reason)
                self._failures.note(key, reason)
            else:
                beside = wanted.beside if wanted else key.name
                self._shelf.put(key, thing, size, beside=beside, keep_s=self._turn_s, mark=mark)
                if key.kind == "model":
                    if self._loaded_from.get(key.name, mark) != mark:
                        self._changes.put((key.name, False))
                    self._loaded_from[key.name] = mark
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
                        check_fits(self._shelf, key, needed, self._device)
                        return
                    if now > wanted.turn:
                        self._closing = others[0]
                    self._changed.wait(POLL)
                    continue
            # Not under the lock, which the engine's thread takes between two steps.
            give_back(self._device)
            log.info("Unloaded %s.", unloaded)
