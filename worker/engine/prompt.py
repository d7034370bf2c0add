"""Text to embeddings, for prompts of any length: windows of CLIP's size, one after another."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch

# 128 windows of Stable Diffusion 1.5 (77 tokens of 768 floats) are 30 MB.
CACHED_WINDOWS = 128

Window = tuple[int, ...]


@dataclass(frozen=True)
class Conditioning:
    """What the UNet attends to: embeddings of shape (1, chunks * window length, width)."""

    prompt: torch.Tensor
    negative: torch.Tensor | None
    tokens: int
    chunks: int


class PromptEncoder:
    """Encodes prompts for one model, and remembers the windows that it has encoded.

    A prompt longer than the text encoder's window is cut into windows, each wrapped in the
    tokenizer's own begin, end and padding tokens, encoded alone and concatenated along the
    sequence, as this field does. Nothing is dropped. Every window goes through the text encoder
    by itself, so an embedding never depends on what else is being encoded.
    """

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self._tokenizer = tokenizer
        self._text_encoder = text_encoder
        length: int = text_encoder.config.max_position_embeddings
        # The tokenizer's own answer for nothing says which tokens it wraps and pads with.
        self._begin, self._end, self._pad = self._empty_window(length)[:3]
        self.window = length - 2
        self._cache: OrderedDict[Window, torch.Tensor] = OrderedDict()

    def encode(self, prompt: str, negative: str | None) -> Conditioning:
        """Embeddings of `prompt`, and of `negative` unless guidance is off (None).

        The shorter of the two is filled up with empty windows, so that both fit one batch.
        """
        tokens = self._tokens(prompt)
        windows = self._windows(tokens)
        against = self._windows(self._tokens(negative)) if negative is not None else []
        chunks = max(len(windows), len(against))
        return Conditioning(
            prompt=self._embed(windows, chunks),
            negative=self._embed(against, chunks) if negative is not None else None,
            tokens=len(tokens),
            chunks=chunks,
        )

    def _empty_window(self, length: int) -> list[int]:
        wrapped = self._tokenizer("", padding="max_length", max_length=length, truncation=True)
        return wrapped.input_ids

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids

    def _windows(self, tokens: list[int]) -> list[Window]:
        size = self.window
        parts = [tokens[start : start + size] for start in range(0, len(tokens), size)] or [[]]
        return [
            (self._begin, *part, self._end, *[self._pad] * (size - len(part))) for part in parts
        ]

    def _embed(self, windows: list[Window], chunks: int) -> torch.Tensor:
        padded = windows + self._windows([]) * (chunks - len(windows))
        return torch.cat([self._embed_window(window) for window in padded], dim=1)

    def _embed_window(self, window: Window) -> torch.Tensor:
        if window in self._cache:
            self._cache.move_to_end(window)
            return self._cache[window]
        encoder = self._text_encoder
        ids = torch.tensor([window], device=encoder.device)
        mask = None
        if getattr(encoder.config, "use_attention_mask", False):
            mask = (ids != self._pad).long()
        embedded: torch.Tensor = encoder(ids, attention_mask=mask)[0]
        self._cache[window] = embedded
        if len(self._cache) > CACHED_WINDOWS:
            self._cache.popitem(last=False)
        return embedded
