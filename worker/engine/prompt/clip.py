"""CLIP beside a larger encoder: it reads the first window, and says the whole in one vector."""

from collections.abc import Hashable
from dataclasses import dataclass

import torch

from worker.engine.errors import InvalidRequest, say
from worker.engine.prompt.prompt import emphasize
from worker.engine.prompt.text.spelling import Spelling, dealt
from worker.engine.prompt.text.syntax import parse_attention
from worker.engine.prompt.text.windows import Window, cut
from worker.engine.prompt.text_encoder import TextEncoder, WindowEncoder
from worker.engine.prompt.textual_inversion import LearnedWords


@dataclass(frozen=True)
class FirstWindow:
    """The first window's embeddings (1, window length, width), the whole of it in one vector
    (1, projection width), and how many tokens the text has."""

    hidden: torch.Tensor
    pooled: torch.Tensor
    tokens: int


class ClipReader:
    """Reads a text's first window with one CLIP; what does not fit is for the other encoder.

    With `penultimate` embeddings are of the layer before the last and the vector is projected
    (Stable Diffusion 3); without it both are the encoder's own last (Flux).
    """

    def __init__(self, encoder: TextEncoder, *, penultimate: bool) -> None:
        self._encoder = WindowEncoder(
            encoder, 0, LearnedWords(), penultimate=penultimate, pooler=not penultimate
        )

    @property
    def window(self) -> int:
        """Tokens of a text that it reads."""
        return self._encoder.size

    def check(self, text: str) -> None:
        """Raises InvalidRequest for a text of which it would read a part only."""
        tokens = self._windows(text)[1]
        if tokens > self.window:
            raise InvalidRequest(
                say(
                    "too-many-tokens",
                    "prompt: it has {has} tokens, and this model reads at most {most}.",
                    has=tokens,
                    most=self.window,
                )
            )

    def read(self, text: str, clip_skip: int, variant: Hashable) -> FirstWindow:
        """The text's first window, with its weights."""
        window, tokens = self._windows(text)
        embedded = self._encoder.embed(window, clip_skip, variant)
        if embedded.pooled is None:
            raise TypeError("This CLIP has no vector for the whole of a text.")
        hidden = embedded.hidden
        if window.weighted:
            hidden = emphasize(hidden, self._encoder.weights(window, hidden.device))
        return FirstWindow(hidden, embedded.pooled, tokens)

    def spell(self, text: str) -> Spelling:
        """The first window's tokens and words; where the network sees them by themselves, they
        stand from place 1 on."""
        window, _ = self._windows(text)
        pieces = self._encoder.spell(parse_attention(text))
        return Spelling("text_encoder", self.window, dealt(pieces, [len(window.ids)]), first=1)

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like this one."""
        return self._encoder.nearest(word)

    def _windows(self, text: str) -> tuple[Window, int]:
        parts = [
            tokens
            for section in parse_attention(text)
            for part in section
            for tokens in self._encoder.tokens(part)
        ]
        count = sum(len(each.ids) for each in parts)
        # As diffusers cuts a text off: at the window's end, whatever stands there.
        return (cut(parts, self.window, None) or [Window()])[0], count
