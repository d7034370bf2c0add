"""A prompt as a language model reads it: within a template, its last tokens only, masked."""

from collections.abc import Hashable
from dataclasses import replace

from torch.nn import functional

from worker.engine.prompt.sequence import Embed, Read, SequenceReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.prompt.text_encoder import TextEncoder

BUCKET = 64
"""Tokens that texts of different lengths are filled up to multiples of, so that they share
forwards: at most 63 are for nothing, beside the 4,096 of a picture of 1024x1024."""


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

    def spell(self, text: str) -> Spelling:
        """The text's tokens and words, where they stand among those that are kept."""
        read = self._reader.spell(text)
        return replace(read, first=(read.first or 0) - self._drop)

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like this one."""
        return self._reader.nearest(word)

    def read_all(self, texts: list[str], variant: Hashable = ()) -> list[Read]:
        """The texts, filled up to one length with zeros; what was dropped is not `seen`."""
        read = [self._reader.read(text, variant=variant) for text in texts]
        kept = [each.hidden[:, self._drop :] for each in read]
        longest = max(each.shape[1] for each in kept)
        length = -(-longest // BUCKET) * BUCKET
        return [
            Read(
                functional.pad(hidden, (0, 0, 0, length - hidden.shape[1])),
                hidden.shape[1],
                each.tokens,
                each.behind,
            )
            for hidden, each in zip(kept, read, strict=True)
        ]
