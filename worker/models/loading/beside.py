"""Models beside the engine's: in float32 on the CPU, since the GPU is the engine's."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from transformers import AutoImageProcessor, AutoTokenizer

from worker.models.files.errors import SourceError
from worker.models.loading.pretrained import load_pretrained, one_at_a_time
from worker.models.tables import AddOnEntry

log = logging.getLogger(__name__)

# Neither is typed in full.
Processors: Any = AutoImageProcessor
Tokenizers: Any = AutoTokenizer

E = TypeVar("E", bound=AddOnEntry)
T = TypeVar("T")


class Beside(Generic[E, T]):
    """What `load` makes of entries of a catalogue, each when it is first asked for, and kept.
    `kind` is what one is called in a sentence."""

    def __init__(self, kind: str, entries: Mapping[str, E], load: Callable[[E], T]) -> None:
        self._kind, self._entries, self._load = kind, entries, load
        self._loaded: dict[str, tuple[E, T]] = {}
        self._lock = threading.Lock()

    def follow(self, entries: Mapping[str, E]) -> None:
        """Others take the place of those that were."""
        with self._lock:
            self._entries = entries
            self._loaded = {
                name: kept
                for name, kept in self._loaded.items()
                if self._entries.get(name) == kept[0]
            }

    def get(self, name: str) -> T:
        """One of them. Raises SourceError with a sentence where it cannot be used, or is not there
        any more."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                raise SourceError(f"The {self._kind} {name!r} was removed from this server.")
            if name not in self._loaded:
                self._loaded[name] = entry, self._load(entry)
            return self._loaded[name][1]


def loaded(entry: E, load: Callable[[E], T]) -> T:
    """What `load` makes of an entry; whatever the libraries raise is a SourceError with a
    sentence."""
    started = time.monotonic()
    try:
        made = _alone(lambda: load(entry))
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"{entry.where} does not load: {reason}") from error
    log.info("Loaded %s in %.1f s.", entry.where, time.monotonic() - started)
    return made


@one_at_a_time
def _alone(load: Callable[[], T]) -> T:
    return load()


def model_in(family: Any, folder: Path, where: str) -> Any:
    """A model of a class of transformers. Raises SourceError for one that lacks weights."""
    model = load_pretrained(family, folder, f"{where}.source: ", dtype=torch.float32)
    return model.eval().requires_grad_(False)


def processor_in(folder: Path, **options: Any) -> Any:
    """What makes of a picture what the model in the same folder reads."""
    return Processors.from_pretrained(folder, local_files_only=True, **options)


def tokenizer_in(folder: Path) -> Any:
    """What makes of a text what the model in the same folder reads."""
    return Tokenizers.from_pretrained(folder, local_files_only=True)
