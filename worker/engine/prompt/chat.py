"""A prompt as a language model reads it: within a template, its last tokens only, masked."""

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch.nn import functional

from worker.engine.prompt.sequence import Embed, SequenceReader
from worker.engine.prompt.text_encoder import TextEncoder

BUCKET = 64
"""Tokens that texts of different lengths are filled up to multiples of, so that they share
forwards: at most 63 are for nothing, beside the 4,096 of a picture of 1024x1024."""


@dataclass(frozen=True)
class Chat:
    """A text's embeddings (1, length, width), of which the first `seen` are of it and the others
    0, and how many of its tokens are its own."""

    hidden: torch.Tensor
    seen: int
    tokens: int

    @property
    def mask(self) -> torch.Tensor:
        """1 for what the text fills, 0 for the others: (1, length)."""
        mask = self.hidden.new_zeros(self.hidden.shape[:2])
        mask[:, : self.seen] = 1
        return mask


class ChatReader:
    """Reads texts between the two parts of a `template`, and leaves out the first `drop` tokens.

    A text that needs more than `most` tokens is refused.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        template: tuple[str, str],
        most: int,
        embed: Embed,
        drop: int = 0,
    ) -> None:
        self._reader = SequenceReader(encoder, range(most + 1), embed, template)
        self._drop = drop

    @property
    def window(self) -> int:
        """Tokens of a text that it reads at most."""
        return self._reader.window

    def read_all(self, texts: list[str], variant: Hashable = ()) -> list[Chat]:
        """The texts, filled up to one length."""
        read = [self._reader.read(text, variant=variant) for text in texts]
        kept = [each.hidden[:, self._drop :] for each in read]
        longest = max(each.shape[1] for each in kept)
        length = -(-longest // BUCKET) * BUCKET
        return [
            Chat(
                functional.pad(hidden, (0, 0, 0, length - hidden.shape[1])),
                hidden.shape[1],
                each.tokens,
            )
            for hidden, each in zip(kept, read, strict=True)
        ]
