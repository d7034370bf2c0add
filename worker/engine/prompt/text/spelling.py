"""A text as its text encoder sees it: which tokens it becomes, and which word each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

ENDS, BEGINS = "</w>", ("▁", "Ġ")
"""How a vocabulary marks where a word ends (CLIP) or begins (SentencePiece, GPT-2)."""

NEAREST = 3
"""Known words that are named for one that is not."""

LETTERS = 2
"""Letters that the nearest words begin with in common: a vocabulary has 49,000 of them."""


@dataclass(frozen=True)
class Piece:
    """One token: its number in the vocabulary, how that writes it, and the word that it is of.

    `word` counts from 0 through the text; `known` is False for the token that stands for whatever
    the vocabulary has no letters for.
    """

    id: int
    token: str
    word: int
    text: str
    weight: float = 1.0
    known: bool = True


@dataclass(frozen=True)
class Spelling:
    """A prompt's pieces in the windows that one text encoder reads, each window's own.

    `size` is how many of the text's own tokens a window takes. `first` is where the first piece of
    the first window stands in the sequence that the network attends to, and `stride` how far the
    same place of the next window is; `first` is None where the network sees no token by itself.
    """

    encoder: str
    size: int
    windows: Sequence[Sequence[Piece]]
    first: int | None = None
    stride: int = 0

    def places(self) -> dict[int, list[int]]:
        """By each word its tokens' places in the sequence."""
        found: dict[int, list[int]] = {}
        if self.first is None:
            return found
        for window, pieces in enumerate(self.windows):
            for index, piece in enumerate(pieces):
                found.setdefault(piece.word, []).append(self.first + window * self.stride + index)
        return found


def spell(tokenizer: Any, text: str, first_word: int = 0, weight: float = 1.0) -> list[Piece]:
    """The tokens of a text without those that a tokenizer puts round it, words counted from
    `first_word` on."""
    read = tokenizer(text, add_special_tokens=False, verbose=False)
    ids: list[int] = list(read.input_ids)
    names: list[str] = tokenizer.convert_ids_to_tokens(ids)
    words = _words(read, names, tokenizer.unk_token)
    texts = _texts(names, words)
    unknown = tokenizer.unk_token_id
    # A tokenizer of byte pairs, whose "unknown" is its end token, has letters for everything.
    missing = unknown if unknown not in (tokenizer.eos_token_id, tokenizer.pad_token_id) else None
    return [
        Piece(id, name, first_word + word, texts[word], weight, id != missing)
        for id, name, word in zip(ids, names, words, strict=True)
    ]


def learned(ids: Sequence[int], name: str, word: int, weight: float) -> list[Piece]:
    """The tokens of a word that was learned (textual inversion), which no vocabulary has."""
    return [Piece(id, name, word, name, weight) for id in ids]


def dealt(pieces: Sequence[Piece], lengths: Sequence[int]) -> list[list[Piece]]:
    """The pieces in windows of these lengths, in order."""
    windows: list[list[Piece]] = []
    start = 0
    for length in lengths:
        windows.append(list(pieces[start : start + length]))
        start += length
    return windows


def nearest(tokenizer: Any, word: str) -> list[str]:
    """Words that the vocabulary has whole and that look most like one that it has not."""
    folded = word.lower()
    known = _whole_words(tokenizer)
    near = [each for each in known.get(folded[:LETTERS], ()) if each != folded]
    near = near or [each for each in known.get(folded[:1], ()) if each != folded]
    return get_close_matches(folded, near, NEAREST, 0.6)


def is_whole(pieces: Sequence[Piece]) -> bool:
    """Whether the vocabulary has the word that these pieces are as one token."""
    return len(pieces) == 1 and pieces[0].known


def _words(read: Any, names: Sequence[str], unknown: str | None) -> list[int]:
    """For each token the number of its word, from 0."""
    if any(name.endswith(ENDS) for name in names):
        words, word = list[int](), 0
        for name in names:
            words.append(word)
            word += name.endswith(ENDS) or name == unknown
        return words
    if any(name.startswith(BEGINS) for name in names):
        words, word = list[int](), -1
        for name in names:
            word += name.startswith(BEGINS) or word < 0
            words.append(word)
        return words
    if getattr(read, "is_fast", False):
        return [0 if each is None else each for each in read.word_ids()]
    return list(range(len(names)))


def _texts(names: Sequence[str], words: Sequence[int]) -> list[str]:
    """Each word as the vocabulary writes it: a tokenizer may read another than was typed."""
    texts = [""] * (max(words, default=-1) + 1)
    for name, word in zip(names, words, strict=True):
        texts[word] += plain(name)
    return texts


def plain(token: str) -> str:
    """A token without the mark of where a word ends or begins."""
    return token.removesuffix(ENDS).lstrip("".join(BEGINS)).replace("Ċ", "\n")


@lru_cache(maxsize=4)
def _whole_words(tokenizer: Any) -> dict[str, list[str]]:
    """The words of a vocabulary by their first letters."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    marked = any(token.endswith(ENDS) for token in vocabulary)
    spaced = any(token.startswith(BEGINS) for token in vocabulary)
    found: dict[str, list[str]] = {}
    for token in vocabulary:
        if (marked and not token.endswith(ENDS)) or (spaced and not token.startswith(BEGINS)):
            continue
        word = plain(token)
        if len(word) > LETTERS and word.isalpha():
            for start in {word[:LETTERS], word[:1]}:
                found.setdefault(start, []).append(word)
    return found
