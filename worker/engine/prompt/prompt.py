"""Text to embeddings, for prompts of any length: windows of CLIP's size, one after another."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import torch

from worker.engine.backends.network import Network
from worker.engine.errors import InvalidRequest, ModelUnavailable, say
from worker.engine.prompt.text.spelling import Spelling, dealt
from worker.engine.prompt.text.syntax import MAX_WEIGHT, Weighted, parse_attention
from worker.engine.prompt.text.windows import Window, cut
from worker.engine.prompt.text_encoder import Embedded, TextEncoder, WindowEncoder
from worker.engine.prompt.textual_inversion import LearnedWords

MAX_WINDOWS = 256
"""More than a prompt of 10,000 signs fills by itself: 60 MB for Stable Diffusion 1.5."""

Chunk = tuple[Window, ...]
"""A stretch of the prompt: each encoder's window of it."""


@dataclass(frozen=True)
class Conditioning:
    """What the UNet attends to: embeddings of shape (1, chunks * window length, width).

    `pooled` (1, projection width) is the whole prompt in one vector, where a family takes it.
    """

    prompt: torch.Tensor
    negative: torch.Tensor | None
    tokens: int
    chunks: int
    pooled: torch.Tensor | None = None
    negative_pooled: torch.Tensor | None = None


class PromptReader(Protocol):
    """What reads the prompts of one model, whatever its text encoders are."""

    @property
    def window(self) -> int:
        """Tokens that one pass takes."""
        ...

    def windows(self, text: str) -> int:
        """How many passes a text takes. Raises InvalidRequest for one that is not read."""
        ...

    def encode(
        self,
        prompt: str,
        negative: str | None,
        *,
        clip_skip: int = 1,
        variant: Hashable = (),
        windows: int = 1,
    ) -> Conditioning:
        """Embeddings of `prompt`, and of `negative` unless guidance is off (None)."""
        ...

    def spell(self, prompt: str) -> list[Spelling]:
        """The prompt's tokens and words, as each text encoder reads them."""
        ...

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like this one."""
        ...


class PromptEncoder:
    """Encodes prompts for one model, in AUTOMATIC1111's syntax (`parse_attention`).

    A prompt longer than the text encoder's window is cut into windows, each wrapped in the
    tokenizer's own begin, end and padding tokens, encoded alone and concatenated along the
    sequence, as this field does. Nothing is dropped. Every window goes through the text encoder
    by itself, so an embedding never depends on what else is being encoded, and is remembered
    before its weights, so the same words with another weight cost nothing.

    Encoders are read side by side: their last layers, normed; or with `penultimate` the layers
    before the last, and the last one's pooled vector of the first window (SDXL, its refiner). With
    `zero_empty_negative` an empty negative prompt is zeros, as diffusers has it where a model's
    `force_zeros_for_empty_prompt` says so. Raises ModelUnavailable for encoders that do not fit
    each other.
    """

    def __init__(
        self,
        encoders: Sequence[TextEncoder],
        *,
        penultimate: bool = False,
        zero_empty_negative: bool = False,
    ) -> None:
        self._words = LearnedWords()
        self._encoders = [
            WindowEncoder(encoder, index, self._words, penultimate=penultimate)
            for index, encoder in enumerate(encoders)
        ]
        self._window = self._encoders[0].size
        self._zero_empty_negative = zero_empty_negative
        if any(encoder.size != self.window for encoder in self._encoders):
            raise ModelUnavailable("model: its text encoders have windows of different lengths.")

    @property
    def window(self) -> int:
        """Tokens that one window of CLIP takes."""
        return self._window

    @property
    def networks(self) -> list[Network]:
        """The text models, as far as their calls may run another way than the plain one."""
        return [network for encoder in self._encoders for network in encoder.networks]

    @property
    def widths(self) -> list[int]:
        """Numbers in a token's embedding, of each text encoder."""
        return [encoder.width for encoder in self._encoders]

    def add_embedding(self, name: str, vectors: Sequence[torch.Tensor]) -> None:
        """Let the word `name` stand for learned vectors (textual inversion, arXiv 2208.01618).

        `vectors` has a tensor (n, width) for each text encoder, with the same n, and takes the
        place of an embedding of that name. The word counts wherever it stands by itself in a
        prompt or a negative prompt, upper and lower case as here, and is never cut apart.
        Not to be called while another thread encodes. Raises ValueError for vectors that do not
        fit.
        """
        self._check_vectors(name, vectors)
        self._words.add(name, [each.detach().clone() for each in vectors])

    def remove_embedding(self, name: str) -> None:
        """Let `name` be a word like any other again; unknown ones are fine. As `add_embedding`,
        not to be called while another thread encodes."""
        self._words.remove(name)

    def windows(self, text: str) -> int:
        """How many windows a text fills. Raises InvalidRequest for more than MAX_WINDOWS."""
        return len(self._chunks(text)[1])

    def encode(
        self,
        prompt: str,
        negative: str | None,
        *,
        clip_skip: int = 1,
        variant: Hashable = (),
        windows: int = 1,
    ) -> Conditioning:
        """Embeddings of `prompt`, and of `negative` unless guidance is off (None).

        The shorter of the two is filled up with empty windows, so that both fit one batch, and both
        to as many `windows` where they have fewer.
        `clip_skip` is the layer that counts, from the last one that the family takes (1).
        `variant` is whatever else changes the encoders (the LoRAs). Raises InvalidRequest for a
        `clip_skip` beyond the first layer, and for a text of more than MAX_WINDOWS.
        """
        tokens, chunks = self._chunks(prompt)
        _, against = self._chunks(negative or "")
        length = max(windows, len(chunks), 0 if negative is None else len(against))
        embedded, pooled = self._embed(chunks, length, clip_skip, variant)
        if negative is None:
            return Conditioning(embedded, None, tokens, length, pooled)
        opposite, opposite_pooled = self._embed(against, length, clip_skip, variant)
        if self._zero_empty_negative and not negative.strip():
            opposite = torch.zeros_like(opposite)
            opposite_pooled = None if pooled is None else torch.zeros_like(pooled)
        return Conditioning(embedded, opposite, tokens, length, pooled, opposite_pooled)

    def spell(self, prompt: str) -> list[Spelling]:
        """The prompt's tokens and words in the windows of each text encoder."""
        _, chunks = self._chunks(prompt)
        sections = parse_attention(prompt)
        return [
            Spelling(
                f"text_encoder_{index + 1}" if index else "text_encoder",
                encoder.size,
                dealt(encoder.spell(sections), [len(chunk[index].ids) for chunk in chunks]),
                first=1,
                stride=encoder.size + 2,
            )
            for index, encoder in enumerate(self._encoders)
        ]

    def nearest(self, word: str) -> list[str]:
        """Words that the first text encoder knows whole and that look most like this one."""
        return self._encoders[0].nearest(word)

    def _chunks(self, text: str) -> tuple[int, list[Chunk]]:
        """The text's number of tokens, and its chunks: one or more."""
        sections = parse_attention(text)
        # A BREAK ends a window; behind the last one there is no other unless something is in it.
        if len(sections) > 1 and not sections[-1]:
            sections.pop()
        tokens = 0
        chunks: list[Chunk] = []
        for section in sections:
            windows = [self._windows(encoder, section) for encoder in self._encoders]
            tokens += max(sum(len(window.ids) for window in each) for each in windows)
            chunks += zip_longest(*windows, fillvalue=Window())
        if len(chunks) > MAX_WINDOWS:
            raise InvalidRequest(
                say(
                    "too-many-windows",
                    "prompt: it fills {has} windows of the text encoder, and at most {most} are"
                    " read; each BREAK begins a new one.",
                    has=len(chunks),
                    most=MAX_WINDOWS,
                )
            )
        return tokens, chunks

    def _windows(self, encoder: WindowEncoder, section: list[Weighted]) -> list[Window]:
        parts = [part for text in section for part in encoder.tokens(text)]
        return cut(parts, encoder.size, encoder.comma) or [Window()]

    def _embed(
        self, chunks: list[Chunk], length: int, clip_skip: int, variant: Hashable
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        empty: Chunk = (Window(),) * len(self._encoders)
        padded = chunks + [empty] * (length - len(chunks))
        rows: list[torch.Tensor] = []
        pooled: list[torch.Tensor | None] = []
        for chunk in padded:
            read = [
                self._read(encoder, window, clip_skip, variant)
                for encoder, window in zip(self._encoders, chunk, strict=True)
            ]
            rows.append(torch.cat([each.hidden for each in read], dim=-1))
            pooled.append(read[-1].pooled)
        return torch.cat(rows, dim=1), pooled[0]

    def _read(
        self, encoder: WindowEncoder, window: Window, clip_skip: int, variant: Hashable
    ) -> Embedded:
        embedded = encoder.embed(window, clip_skip, variant)
        if not window.weighted:
            return embedded
        weights = encoder.weights(window, embedded.hidden.device)
        return Embedded(emphasize(embedded.hidden, weights), embedded.pooled)

    def _check_vectors(self, name: str, vectors: Sequence[torch.Tensor]) -> None:
        if not name.strip():
            raise ValueError("embedding: its name is empty.")
        if len(vectors) != len(self._encoders):
            raise ValueError(
                f"embedding: {name} has vectors for {len(vectors)} text encoders; this model has"
                f" {len(self._encoders)}."
            )
        count = len(vectors[0])
        if not 1 <= count <= self.window:
            raise ValueError(
                f"embedding: {name} has {count} vectors; a prompt's window takes 1 to"
                f" {self.window}."
            )
        for encoder, each in zip(self._encoders, vectors, strict=True):
            if each.shape != (count, encoder.width):
                raise ValueError(
                    f"embedding: {name} has vectors of shape {tuple(each.shape)}; this model's"
                    f" text encoder takes {(count, encoder.width)}."
                )


def emphasize(hidden: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Embeddings times their weights, brought back to the mean that the window had before.

    AUTOMATIC1111's "original" emphasis, a window at a time: its own takes the mean of all windows
    that happen to be encoded together. `hidden` (1, window length, width), `weights` (1, window
    length, 1). Where the mean is but what was rounded (a text encoder without a learned last norm),
    or changes by more than the largest weight or less than the smallest, the tokens' means cancel
    out and their sum says nothing about size: then it is not brought back, instead of blown up.
    """
    before = hidden.float()
    weighted = before * weights
    mean = before.mean()
    change = weighted.mean() / mean
    meant = (change >= weights.min().clamp(min=1 / MAX_WEIGHT)) & (change <= weights.max())
    meant &= mean.abs() > torch.finfo(hidden.dtype).eps * before.abs().mean()
    return (weighted / torch.where(meant, change, 1.0)).to(hidden.dtype)
