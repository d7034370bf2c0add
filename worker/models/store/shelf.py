"""What is in memory, and what of it goes where something else needs the room."""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from worker.engine.model_source import AddOnKind
from worker.models.loading.memory.free import free_bytes

TOGETHER = 2.0
"""Seconds for which what was asked for beside a model counts as wanted with it: a picture that
waits asks for all it needs many times a second."""

Kind = Literal["model"] | AddOnKind

Mark = Hashable
"""What something is loaded from: another mark means other weights."""

WORDS: dict[Kind, str] = {
    "model": "model",
    "lora": "LoRA",
    "controlnet": "ControlNet",
    "ip-adapter": "IP-Adapter",
    "upscaler": "upscaler",
    "vae": "autoencoder",
    "face-restorer": "face restorer",
}


@dataclass(frozen=True)
class Key:
    """What is in memory once: a model, or an add-on in the number format of the model it is for.

    An autoencoder is for one model, whose latents have a scale of their own: `model`.
    """

    kind: Kind
    name: str
    dtype: torch.dtype | None = None
    model: str = ""

    def __str__(self) -> str:
        return f"{WORDS[self.kind]} {self.name}"


@dataclass
class _Loaded:
    thing: Any
    bytes: int
    beside: str
    # Loaded and not fetched yet, until when: the engine asks between two steps only, and a
    # model that went before it asked again would be loaded in vain.
    kept_until: float
    asked: float = field(default_factory=time.monotonic)
    mark: Mark = ()
    retired: bool = False


class Shelf:
    """All that is loaded, the least recently asked for first.

    Something is in use while anybody besides the shelf holds it, and only what nobody holds is
    taken down, the models that are `pinned` not at all. `limit_bytes` caps the weights; without it
    what the device has free decides. Threads that share it hold one lock between them.
    """

    def __init__(self, device: torch.device, limit_bytes: int | None) -> None:
        self._device = device
        self._limit_bytes = limit_bytes
        self.pinned: Collection[str] = ()
        self._loaded: OrderedDict[Key, _Loaded] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._loaded and not self._loaded[key].retired

    def __str__(self) -> str:
        return ", ".join(map(str, self._loaded))

    @property
    def models(self) -> list[str]:
        """Names of the models, the most recently asked for last."""
        return [key.name for key in self._loaded if key.kind == "model" and key in self]

    def put(
        self, key: Key, thing: Any, size: int, *, beside: str, keep_s: float, mark: Mark = ()
    ) -> None:
        """Lays something there that was loaded for use with the model `beside`, from what `mark`
        stands for.

        It stays for `keep_s` unless it is fetched before.
        """
        until = time.monotonic() + keep_s
        self._loaded[key] = _Loaded(thing, size, beside, until, mark=mark)

    def fetch(self, key: Key, *, beside: str) -> Any:
        """What was asked for, for use with the model `beside`. Raises KeyError."""
        found = self._loaded[key]
        if found.retired:
            raise KeyError(key)
        self._loaded.move_to_end(key)
        found.kept_until, found.asked, found.beside = 0.0, time.monotonic(), beside
        return found.thing

    def keep_no_longer(self, key: Key) -> None:
        """It may go like everything else, although nobody has fetched it."""
        self._loaded[key].kept_until = 0.0

    def retire(self, stale: Callable[[Key, Mark], bool]) -> None:
        """What is `stale`, by what it was loaded from, is given to nobody any more. It stays for
        whoever holds it, and its place is taken until `take_down_retired` found it free."""
        for key, there in self._loaded.items():
            if stale(key, there.mark):
                there.retired, there.kept_until = True, 0.0

    def is_retired(self, key: Key) -> bool:
        """Whether this is on its way out, so that another may not yet be put in its place."""
        return key in self._loaded and self._loaded[key].retired

    def take_down_retired(self) -> list[Key]:
        """Takes down what was retired and is held by nobody."""
        retired = [key for key, there in self._loaded.items() if there.retired]
        return [key for key in retired if self._take(key)]

    def asked_since(self, key: Key, since: float) -> bool:
        """Whether anybody fetched it after `since`, on the monotonic clock."""
        return self._loaded[key].asked > since

    def take_down_one(self, key: Key) -> bool:
        """Takes one thing down if nobody holds it."""
        return key in self._loaded and self._take(key)

    def clear(self) -> None:
        """Lets go of everything."""
        self._loaded.clear()

    def fits(self, needed: int, headroom: int) -> bool:
        """Whether `needed` bytes have room; a limit needs no headroom beside it."""
        if self._limit_bytes is not None:
            headroom = 0
        return needed + headroom <= self.room()

    @property
    def limited(self) -> bool:
        """Whether a number says what there is room for, and not the device."""
        return self._limit_bytes is not None

    def room(self) -> int:
        """Bytes that more may take."""
        if self._limit_bytes is not None:
            return self._limit_bytes - sum(each.bytes for each in self._loaded.values())
        return free_bytes(self._device)

    def in_the_way(self, beside: str | None) -> list[Key]:
        """What may go for something else: all but what an add-on for the model `beside` needs
        there with it, and what is pinned."""
        return [
            key
            for key, there in self._loaded.items()
            if there.retired or not (self._together(key, beside) or self._is_pinned(key))
        ]

    def take_down(self, beside: str | None) -> Key | None:
        """Takes the least recently asked-for thing that is in the way and that nobody holds."""
        now = time.monotonic()
        for key in self.in_the_way(beside):
            if self._loaded[key].kept_until <= now and self._take(key):
                return key
        return None

    def _take(self, key: Key) -> bool:
        there = self._loaded.pop(key)
        held = weakref.ref(there.thing)
        there.thing = None
        there.thing = held()
        if there.thing is None:
            return True
        # In use, so at the end of the order, where the recently used ones are.
        self._loaded[key] = there
        return False

    def _is_pinned(self, key: Key) -> bool:
        return key.kind == "model" and key.name in self.pinned

    def _together(self, key: Key, beside: str | None) -> bool:
        """Whether a picture that waits for an add-on of the model `beside` needs this as well."""
        if beside is None:
            return False
        if key == Key("model", beside):
            return True
        there = self._loaded[key]
        recent = time.monotonic() - there.asked < TOGETHER
        return key.kind != "model" and there.beside == beside and recent
