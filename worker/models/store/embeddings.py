"""Which learned words each model in memory knows: those of the catalogue of the moment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from weakref import WeakKeyDictionary

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.families.model import LoadedModel
from worker.models.catalogue import Catalogue
from worker.models.loading.add_ons.add_ons import load_embedding
from worker.models.store.shelf import Mark

log = logging.getLogger(__name__)

Vectors = tuple[torch.Tensor, ...]


class Embeddings:
    """The embeddings of a catalogue, each read once.

    `read` and `follow` may be called anywhere; `teach` from whichever thread runs the model.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._reading = threading.Lock()
        self._catalogue = catalogue
        self._marks: Mapping[str, Mark] = {}
        self._read: dict[str, tuple[Mark, Vectors | None]] = {}
        self._known: Mapping[str, Vectors] = {}
        self._taught: WeakKeyDictionary[LoadedModel, Mapping[str, Vectors]] = WeakKeyDictionary()

    def follow(self, catalogue: Catalogue, marks: Mapping[str, Mark]) -> None:
        """Read what is new or changed; models learn it when they are next taught."""
        with self._reading:
            self._catalogue, self._marks = catalogue, marks
        self.read()

    def read(self) -> None:
        """Read the files that were not read yet.

        One that does not load is left out, and the log says why: a prompt means something
        without it.
        """
        with self._reading:
            found: dict[str, tuple[Mark, Vectors | None]] = {}
            for name, entry in self._catalogue.embeddings.items():
                mark = self._marks.get(entry.where, ())
                there = self._read.get(name)
                if there is not None and there[0] == mark:
                    found[name] = there
                    continue
                try:
                    found[name] = mark, load_embedding(entry)
                except ModelUnavailable as error:
                    log.warning("%s", error)
                    found[name] = mark, None
            self._read = found
            known = {name: vectors for name, (_, vectors) in found.items() if vectors is not None}
            if known.keys() != self._known.keys() or any(
                self._known[name] is not vectors for name, vectors in known.items()
            ):
                self._known = known

    def teach(self, model: LoadedModel) -> None:
        """Bring the words of a model's prompts up to date. Costs nothing where they are."""
        prompts = model.prompts
        known, taught = self._known, self._taught.get(model, {})
        if prompts is None or known is taught:
            return
        for name, vectors in taught.items():
            if known.get(name) is not vectors:
                prompts.remove_embedding(name)
        for name, vectors in known.items():
            if taught.get(name) is vectors:
                continue
            if [each.shape[1] for each in vectors] != prompts.widths:
                log.info(
                    "embeddings.%s is made for other text encoders than those of %s.",
                    *(name, model.name),
                )
                continue
            try:
                prompts.add_embedding(name, vectors)
            except ValueError as error:
                log.warning("embeddings.%s is left out of %s: %s", name, model.name, error)
        self._taught[model] = known
