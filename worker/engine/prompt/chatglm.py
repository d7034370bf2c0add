"""A prompt read whole by ChatGLM, for a UNet (Kolors)."""

from collections.abc import Hashable
from typing import Any

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.prompt.prompt import Conditioning
from worker.engine.prompt.sequence import Read, SequenceReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.prompt.text_encoder import TextEncoder

LENGTH = 256
"""Tokens that every prompt is filled up to, in front: so the UNet was trained."""


class ChatGLMEncoder:
    """Reads the layer before the last, and the whole text as the last layer has its last token.

    With `zero_empty_negative` an empty negative prompt is zeros.
    """

    def __init__(self, encoder: TextEncoder, *, zero_empty_negative: bool = False) -> None:
        self._model = encoder.model
        self._zero_empty_negative = zero_empty_negative
        self._reader = SequenceReader(encoder, (LENGTH,), self._embed, left=True)

    @property
    def window(self) -> int:
        return self._reader.window

    def windows(self, text: str) -> int:
        self._reader.needs(text)
        return 1

    def encode(
        self,
        prompt: str,
        negative: str | None,
        *,
        clip_skip: int = 1,
        variant: Hashable = (),
        windows: int = 1,
    ) -> Conditioning:
        """As `PromptEncoder` does, in one pass. Raises InvalidRequest for a text of more tokens
        than the window has, and for layers to skip."""
        if clip_skip != 1:
            raise InvalidRequest("clip_skip: a model that ChatGLM reads for has no layers to skip.")
        read = self._reader.read(prompt, variant=variant)
        made = Conditioning(read.hidden, None, read.tokens, 1, _whole(read))
        if negative is None:
            return made
        against = self._reader.read(negative, variant=variant)
        opposite, pooled = against.hidden, _whole(against)
        if self._zero_empty_negative and not negative.strip():
            opposite, pooled = torch.zeros_like(opposite), torch.zeros_like(pooled)
        return Conditioning(read.hidden, opposite, read.tokens, 1, made.pooled, pooled)

    def spell(self, prompt: str) -> list[Spelling]:
        return [self._reader.spell(prompt)]

    def nearest(self, word: str) -> list[str]:
        return self._reader.nearest(word)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """The layer before the last, and behind it the last token's of the last one."""
        told: dict[str, Any] = {}
        if mask is not None:
            # It would ask the device whether the mask hides anything, and wait.
            told["full_attention_mask"] = self._model.get_masks(ids, None, mask)
            told["position_ids"] = (mask.cumsum(dim=-1) - 1).clamp(min=0)
        states = self._model(
            ids, use_cache=False, return_dict=True, output_hidden_states=True, **told
        ).hidden_states
        return torch.cat([states[-2], states[-1][-1:]]).transpose(0, 1)


def _whole(read: Read) -> torch.Tensor:
    """The text in one vector."""
    return read.behind[:, 0]
