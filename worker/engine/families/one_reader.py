"""Transformers whose prompts one language model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from worker.engine.families.transformer import Reader, TransformerModel

R = TypeVar("R", bound=Reader)


class OneReader(TransformerModel, Generic[R]):
    """Its `_reader` is all that reads: a trace has its words, and the model its window."""

    _reader: R

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"text_encoder": self._reader}

    @property
    def window(self) -> int:
        return self._reader.window
