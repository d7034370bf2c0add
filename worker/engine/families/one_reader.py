"""Transformers whose prompts one language model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from worker.engine.families.transformer import Reader, TransformerModel


class Only(Reader, Protocol):
    """What reads all of a prompt."""

    @property
    def window(self) -> int:
        """Tokens that it takes in one pass."""
        ...


R = TypeVar("R", bound=Only)


class OneReader(TransformerModel, Generic[R]):
    """Its `_reader` is all that reads: a trace has its words, and the model its window."""

    _reader: R

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"text_encoder": self._reader}

    @property
    def window(self) -> int:
        return self._reader.window
