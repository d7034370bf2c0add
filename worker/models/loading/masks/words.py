"""What words mean of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from worker.engine.request import Picture
from worker.models.loading.masks.shares import Mask, in_greys, stretched


class TooManyWords(Exception):
    """The caller is told, by the message, that the model does not read as much."""


class ByWords:
    """A CLIPSeg of transformers."""

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self._model, self._processor, self._tokenizer = model, processor, tokenizer

    def found(self, picture: Picture, phrases: Sequence[str]) -> Mask:
        """How surely each place of a picture (H, W, 3) is what one of the phrases says. Raises
        TooManyWords."""
        asked = self._tokenizer(list(phrases), padding=True, return_tensors="pt")
        most = int(self._model.config.text_config.max_position_embeddings)
        if (tokens := asked["input_ids"].shape[1]) > most:
            raise TooManyWords(f"must be at most {most} tokens; it is {tokens}")
        pixels = self._processor(images=picture, return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            logits = self._model(
                input_ids=asked["input_ids"],
                attention_mask=asked["attention_mask"],
                pixel_values=pixels.expand(len(phrases), -1, -1, -1),
            ).logits
            each = logits.reshape(len(phrases), *logits.shape[-2:])
            return in_greys(stretched(each, picture.shape[:2]).amax(0))
