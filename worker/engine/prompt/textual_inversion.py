"""Words that were learned (textual inversion, arXiv 2208.01618): names that stand for vectors."""

import re
from collections.abc import Iterator, Sequence

import torch


class LearnedWords:
    """The learned words of one model's text encoders; capitals make no difference, as in CLIP.

    Each vector has a token of its own, a negative number, which no vocabulary has: the same words
    with other vectors are other tokens.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[int, ...]] = {}
        self._vectors: dict[int, tuple[torch.Tensor, ...]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._next = -1

    def add(self, name: str, vectors: Sequence[torch.Tensor]) -> None:
        """Let `name` stand for the rows of `vectors`: (n, width), one tensor an encoder."""
        self.remove(name)
        count = len(vectors[0])
        tokens = tuple(range(self._next, self._next - count, -1))
        self._next -= count
        self._vectors |= dict(zip(tokens, zip(*vectors, strict=True), strict=True))
        self._learn({**self._tokens, name: tokens})

    def remove(self, name: str) -> None:
        """Let `name` be a word like any other again."""
        for token in self._tokens.get(name, ()):
            del self._vectors[token]
        self._learn({word: tokens for word, tokens in self._tokens.items() if word != name})

    def split(self, text: str) -> Iterator[str | tuple[int, ...]]:
        """The text in order: plain text, and the tokens of each learned word in it."""
        if self._pattern is None:
            yield text
            return
        end = 0
        for match in self._pattern.finditer(text):
            if match.start() > end:
                yield text[end : match.start()]
            yield self._meant(match[0])
            end = match.end()
        if end < len(text):
            yield text[end:]

    def name_of(self, token: int) -> str:
        """The word that a learned token is of."""
        return next(name for name, tokens in self._tokens.items() if token in tokens)

    def _meant(self, word: str) -> tuple[int, ...]:
        if word in self._tokens:
            return self._tokens[word]
        folded = word.lower()
        return next(tokens for name, tokens in self._tokens.items() if name.lower() == folded)

    def vectors(self, tokens: Sequence[int], encoder: int) -> torch.Tensor:
        """The vectors of learned tokens for one of the encoders: (tokens, width)."""
        return torch.stack([self._vectors[token][encoder] for token in tokens])

    def _learn(self, tokens: dict[str, tuple[int, ...]]) -> None:
        longest_first = sorted(tokens, key=len, reverse=True)
        self._tokens = tokens
        self._pattern = (
            re.compile("|".join(map(_as_word, longest_first)), re.IGNORECASE) if tokens else None
        )


def _as_word(name: str) -> str:
    """A pattern for the name where it is not part of a longer word; `-` is part of a word."""
    before = r"(?<![\w-])" if re.match(r"[\w-]", name[0]) else ""
    after = r"(?![\w-])" if re.match(r"[\w-]", name[-1]) else ""
    return before + re.escape(name) + after
