"""What models bring beside their weights: tables of words, each read when its model is first asked,
and the stories of their trainings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jobs.request.words import WordTable
from worker.models.catalogue import Catalogue
from worker.models.files import story
from worker.models.files.errors import SourceError
from worker.models.files.sources import locate


class WordTables:
    """Says what the models of a catalogue take a prompt for, and how they were taught."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._table = cache(self._read)

    def follow(self, catalogue: Catalogue) -> None:
        """Another catalogue takes the place of the one that was; each table is read anew."""
        self._catalogue = catalogue
        self._table = cache(self._read)

    def read_as(self, model: str, prompt: str) -> str | None:
        """The prompt in words that the model knows; None where that is the prompt as it is."""
        table = self._table(model)
        read = table.read_as(prompt) if table else prompt
        return read if read != prompt else None

    def strangers(self, model: str, prompt: str) -> list[str]:
        """The words of a prompt that the model does not know; none where it has no table."""
        table = self._table(model)
        return table.strangers(prompt) if table else []

    def story(self, model: str) -> dict[str, Any] | None:
        """How the model was taught; None where it brings no story."""
        folder = self._folder(model)
        return story.read(folder) if folder else None

    def _read(self, model: str) -> WordTable | None:
        folder = self._folder(model)
        return WordTable.load(folder) if folder else None

    def _folder(self, model: str) -> Path | None:
        entry = self._catalogue.entries.get(model)
        try:
            return locate(entry).config if entry else None
        except SourceError:
            return None
