"""A prompt read whole: one sequence of tokens through T5 or a language model."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from worker.engine.errors import InvalidRequest, say
from worker.engine.ground.transfer import sent
from worker.engine.prompt.prompt import emphasize
from worker.engine.prompt.text.spelling import Piece, Spelling, nearest, spell
from worker.engine.prompt.text.syntax import Weighted, parse_attention
from worker.engine.prompt.text_encoder import TextEncoder

CACHED = 16
"""Sequences that are remembered: 512 tokens of T5-XXL are 8 MB."""

Embed = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""From ids and mask, both (1, tokens), to embeddings (1, tokens, width). There is no mask where
nothing was filled up: transformers would ask the device whether it hides anything, and wait."""


@dataclass(frozen=True)
class Read:
    """Embeddings (1, length, width), how many of them are of the text's tokens with the
    tokenizer's own round them, and how many tokens are the text's own. `behind` is what the model
    made beside an embedding for each token, of the same width (1, any, width)."""

    hidden: torch.Tensor
    seen: int
    tokens: int
    behind: torch.Tensor

    @property
    def mask(self) -> torch.Tensor:
        """1 for what the text fills, 0 for what it was filled up with: (1, length)."""
        mask = self.hidden.new_zeros(self.hidden.shape[:2])
        mask[:, : self.seen] = 1
        return mask


BASE = 64
"""Counts of tokens travel as two digits to this base: bf16 holds no whole numbers above 256."""


def counted(read: Read) -> torch.Tensor:
    """How many embeddings are seen, as an input of a row: on the CPU, so that no step waits for the
    device to say how long a prompt is."""
    return torch.tensor([divmod(read.seen, BASE)])


def counts_of(rows: torch.Tensor) -> list[int]:
    """The counts in rows of such an input."""
    digits = cast("list[list[float]]", rows.tolist())
    return [round(high) * BASE + round(low) for high, low in digits]


class SequenceReader:
    """Reads a prompt as one sequence, and remembers those that it has read.

    It is filled up to the first of `lengths` that holds it. `embed` asks the model; without it the
    model is called with the ids alone, as diffusers calls T5. A text in AUTOMATIC1111's syntax is
    read without it, and then each token's embedding is multiplied by its weight. Weights are taken
    where there are any: a text without is tokenized in one piece, as diffusers does. `template` is
    what stands before and behind every text; without `special` it has all the tokens that the
    tokenizer would put round a text. With `left` a text is filled up in front of it.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        lengths: Sequence[int],
        embed: Embed | None = None,
        template: tuple[str, str] = ("", ""),
        *,
        special: bool = True,
        left: bool = False,
    ) -> None:
        self._tokenizer = encoder.tokenizer
        self._model = encoder.model
        self._away = encoder.away
        self._lengths = lengths
        self._left = left
        self._embed = embed or self._call
        self._cache: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
        plain, wrapped = self._ids("a", False), self._ids("a", special)
        begin = wrapped.index(plain[0])
        self._before, self._after = wrapped[:begin], wrapped[begin + len(plain) :]
        self._template = template
        self._around = sum(len(self._ids(part, special=False)) for part in template if part)

    @property
    def window(self) -> int:
        """Tokens of a text that it reads at most."""
        return self._lengths[-1] - len(self._before) - len(self._after) - self._around

    def needs(self, text: str) -> int:
        """The length that the text is filled up to. Raises InvalidRequest for one too long."""
        return self._length(len(self._tokens(text)[0]))

    def read(self, text: str, *, length: int = 0, variant: Hashable = ()) -> Read:
        """The text, filled up to `length` tokens or as many as it `needs`.

        `variant` is whatever else changes the encoder. Raises InvalidRequest for one too long."""
        content, weights = self._tokens(text)
        length = max(length, self._length(len(content)))
        ids = [*self._before, *content, *self._after]
        made = self._remembered(tuple(ids), length, variant)
        hidden, behind = made[:, :length], made[:, length:]
        if any(weight != 1 for weight in weights):
            hidden = emphasize(hidden, self._weights(weights, length, hidden.device))
        return Read(hidden, len(ids), len(content) - self._around, behind)

    def spell(self, text: str) -> Spelling:
        """The text's tokens and words, as one window."""
        pieces: list[Piece] = []
        for part in (each for section in parse_attention(text) for each in section):
            word = pieces[-1].word + 1 if pieces else 0
            pieces += spell(self._tokenizer, part.text, word, part.weight)
        ahead = len(self._ids(self._template[0], special=False)) if self._template[0] else 0
        if self._left:
            content = self._tokens(text)[0]
            ahead += self._length(len(content)) - len(self._before) - len(content)
            ahead -= len(self._after)
        return Spelling("text_encoder", self.window, [pieces], first=len(self._before) + ahead)

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like this one."""
        return nearest(self._tokenizer, word)

    def _tokens(self, text: str) -> tuple[list[int], list[float]]:
        """The text's own tokens with the weight of each."""
        sections = parse_attention(text)
        parts = [part for section in sections for part in section]
        if all(part.weight == 1 for part in parts):
            # In one piece: a tokenizer may read the ends of pieces otherwise. A BREAK ends a
            # window, and here is one only.
            texts = ["".join(part.text for part in section) for section in sections]
            whole = " ".join(each.strip() for each in texts) if len(texts) > 1 else texts[0]
            parts = [Weighted(self._template[0] + whole + self._template[1], 1.0)]
        else:
            before, after = (Weighted(part, 1.0) for part in self._template)
            parts = [before, *parts, after]
        ids: list[int] = []
        weights: list[float] = []
        for part in parts:
            if not part.text:
                continue
            own = self._ids(part.text, special=False)
            ids += own
            weights += [part.weight] * len(own)
        return ids, weights

    def _length(self, tokens: int) -> int:
        if tokens - self._around > self.window:
            raise InvalidRequest(
                say(
                    "too-many-tokens",
                    "prompt: it has {has} tokens, and this model reads at most {most}.",
                    has=tokens - self._around,
                    most=self.window,
                )
            )
        needed = tokens + len(self._before) + len(self._after)
        return next(length for length in self._lengths if length >= needed)

    def _weights(self, weights: list[float], length: int, device: torch.device) -> torch.Tensor:
        filled = [1.0] * len(self._before) + weights
        padding = [1.0] * (length - len(filled))
        filled = padding + filled if self._left else filled + padding
        return sent(torch.tensor(filled), device)[None, :, None]

    def _remembered(self, ids: tuple[int, ...], length: int, variant: Hashable) -> torch.Tensor:
        key = (ids, length, variant)
        if key not in self._cache:
            self._cache[key] = self._kept(ids, length, variant)
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _kept(self, ids: tuple[int, ...], length: int, variant: Hashable) -> torch.Tensor:
        """From disk, where the weights are there too and nothing else has a part in it."""
        away = self._away
        if away is None:
            return self._read(ids, length)
        if not variant and (found := away.remembered((ids, length))):
            return found["hidden"]
        away.bring()
        made = self._read(ids, length)
        if not variant:
            away.remember((ids, length), {"hidden": made})
        return made

    def _read(self, ids: tuple[int, ...], length: int) -> torch.Tensor:
        padding = length - len(ids)
        pad: int = self._tokenizer.pad_token_id or 0
        row, seen = [*ids, *[pad] * padding], [1] * len(ids) + [0] * padding
        if self._left:
            row, seen = [*[pad] * padding, *ids], seen[::-1]
        device = self._model.device
        filled, mask = (sent(torch.tensor([each]), device) for each in (row, seen))
        return self._embed(filled, mask if padding else None)

    def _ids(self, text: str, special: bool) -> list[int]:
        return self._tokenizer(text, add_special_tokens=special, verbose=False).input_ids

    def _call(self, ids: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        return self._model(ids)[0]
