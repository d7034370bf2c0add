"""One text encoder of a model: text to tokens, and a window of tokens to embeddings."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.backends.network import Network
from worker.engine.errors import InvalidRequest
from worker.engine.ground.transfer import sent
from worker.engine.prompt.away import Away
from worker.engine.prompt.text.spelling import Piece, learned, nearest, spell
from worker.engine.prompt.text.syntax import Weighted
from worker.engine.prompt.text.windows import Tokens, Window
from worker.engine.prompt.textual_inversion import LearnedWords

# 128 windows of Stable Diffusion 1.5 (77 tokens of 768 floats) are 30 MB.
CACHED_WINDOWS = 128


@dataclass(frozen=True)
class TextEncoder:
    """A tokenizer with the text model that reads its tokens, and where that one's weights are
    between two texts, if not in memory."""

    tokenizer: Any
    model: Any
    away: Away | None = None


@dataclass(frozen=True)
class Embedded:
    """A window's embeddings (1, window length, width), and where the model has a projection the
    whole window in one vector (1, projection width)."""

    hidden: torch.Tensor
    pooled: torch.Tensor | None


class WindowEncoder:
    """Encodes windows with one text encoder, and remembers those that it has encoded.

    `index` is the encoder's place among its model's. With `penultimate` embeddings come from the
    layer before the last and without the final norm, as SDXL takes them, and the whole window's
    vector is projected; with `pooler` it is the last layer's, as Flux takes it.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        index: int,
        words: LearnedWords,
        *,
        penultimate: bool,
        pooler: bool = False,
    ) -> None:
        self._tokenizer = encoder.tokenizer
        self._model = encoder.model
        self._away = encoder.away
        self._index = index
        self._words = words
        self._penultimate = penultimate
        self._pooled = "text_embeds" if penultimate else "pooler_output" if pooler else ""
        self._network = Network(self._model, run=_read)
        length: int = self._model.config.max_position_embeddings
        self.size = length - 2
        # The tokenizer's own answer for nothing says which tokens it wraps and pads with.
        empty = self._tokenizer("", padding="max_length", max_length=length, truncation=True)
        self._begin, self._end, self._pad = empty.input_ids[:3]
        self.comma = next(reversed(self._ids(",")), None)
        self._cache: OrderedDict[Hashable, Embedded] = OrderedDict()

    @property
    def networks(self) -> tuple[Network, ...]:
        """The text model, where its calls may run another way than the plain one."""
        return () if self._away else (self._network,)

    @property
    def width(self) -> int:
        """Numbers in a token's embedding."""
        return self._model.config.hidden_size

    def tokens(self, text: Weighted) -> list[Tokens]:
        """The text's tokens in order, those of each learned word together."""
        return [
            Tokens(self._ids(part), text.weight)
            if isinstance(part, str)
            else Tokens(part, text.weight, together=True)
            for part in self._words.split(text.text)
        ]

    def spell(self, sections: Sequence[Sequence[Weighted]]) -> list[Piece]:
        """The tokens of a parsed prompt one after another, each with its word."""
        pieces: list[Piece] = []
        for text in (each for section in sections for each in section):
            for part in self._words.split(text.text):
                word = pieces[-1].word + 1 if pieces else 0
                if isinstance(part, str):
                    pieces += spell(self._tokenizer, part, word, text.weight)
                else:
                    pieces += learned(part, self._words.name_of(part[0]), word, text.weight)
        return pieces

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like one that it has not."""
        return nearest(self._tokenizer, word)

    def embed(self, window: Window, clip_skip: int, variant: Hashable) -> Embedded:
        """The window's embeddings, before its weights."""
        plain = window.ids, clip_skip, variant
        # What must be equal to the bit has no part in what may have been read another way.
        key = (*plain, True) if self._network.may_differ else plain
        for known in (key, plain):
            if known in self._cache:
                self._cache.move_to_end(known)
                return self._cache[known]
        embedded = self._kept(window.ids, clip_skip, variant)
        self._cache[key] = embedded
        if len(self._cache) > CACHED_WINDOWS:
            self._cache.popitem(last=False)
        return embedded

    def weights(self, window: Window, device: torch.device) -> torch.Tensor:
        """What each of the window's embeddings is multiplied by: (1, window length, 1).

        Begin, end and padding count 1.
        """
        padding = [1.0] * (self.size - len(window.weights) + 1)
        weights = torch.tensor([1.0, *window.weights, *padding])
        return sent(weights, device)[None, :, None]

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids

    def _kept(self, content: tuple[int, ...], clip_skip: int, variant: Hashable) -> Embedded:
        """From disk, where the weights are there too and nothing else has a part in it."""
        away = self._away
        if away is None:
            return self._embed(content, clip_skip)
        asked = (content, clip_skip) if not variant and min(content, default=0) >= 0 else None
        if asked and (found := away.remembered(asked)):
            return Embedded(found["hidden"], found.get("pooled"))
        away.bring()
        made = self._embed(content, clip_skip)
        if asked:
            pooled = {} if made.pooled is None else {"pooled": made.pooled}
            away.remember(asked, {"hidden": made.hidden, **pooled})
        return made

    def _embed(self, content: tuple[int, ...], clip_skip: int) -> Embedded:
        # A learned word's tokens are in no vocabulary: any other stands in until its vector does.
        known = [self._begin if token < 0 else token for token in content]
        padding = self.size - len(content)
        ids = torch.tensor([[self._begin, *known, self._end, *[self._pad] * padding]])
        layer = clip_skip + 1 if self._penultimate else clip_skip
        if layer > self._model.config.num_hidden_layers:
            most = self._model.config.num_hidden_layers - (layer - clip_skip)
            raise InvalidRequest(
                f"clip_skip: {clip_skip} is more than the {most} layers that this model's text"
                " encoder has to take from."
            )
        learned = any(token < 0 for token in content)
        read = self._network.eager if learned else self._network
        with self._learned(content):
            answer = read(
                sent(ids, self._model.device),
                self._mask(len(content)),
                layer,
                normed=not self._penultimate,
                pooled=self._pooled,
            )
        numbers = (self.size + 2) * self.width
        pooled = answer[:, numbers:] if answer.shape[1] > numbers else None
        return Embedded(answer[:, :numbers].view(1, -1, self.width), pooled)

    def _mask(self, content: int) -> torch.Tensor | None:
        """What to attend to, for the few models that are told (they had it in training)."""
        if self._penultimate or not getattr(self._model.config, "use_attention_mask", False):
            return None
        seen = content + 2
        mask = [1] * seen + [0] * (self.size + 2 - seen)
        return sent(torch.tensor([mask]), self._model.device)

    @contextmanager
    def _learned(self, content: tuple[int, ...]) -> Iterator[None]:
        """The learned words' vectors in their places for one pass; the model stays as it is."""
        places = [place for place, token in enumerate(content) if token < 0]
        if not places:
            yield
            return
        vectors = self._words.vectors([content[place] for place in places], self._index)
        weight = self._model.get_input_embeddings().weight
        vectors = sent(vectors.to(weight.dtype), weight.device)

        def put(_module: Any, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
            embedded = embedded.clone()
            for place, vector in zip(places, vectors, strict=True):
                embedded[0, 1 + place] = vector
            return embedded

        handle = self._model.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()


def _read(
    model: Any,
    ids: torch.Tensor,
    mask: torch.Tensor | None,
    layer: int,
    *,
    normed: bool,
    pooled: str,
) -> torch.Tensor:
    """A window's embeddings and behind them its vector, where it has one: (1, numbers), since what
    is compiled answers with one tensor. `layer` counts from the last, which is 1."""
    output = model(ids, attention_mask=mask, output_hidden_states=layer > 1)
    hidden: torch.Tensor = output.last_hidden_state
    if layer > 1:
        # The first of the states is what goes into the first layer.
        hidden = output.hidden_states[-layer]
        if normed:
            hidden = getattr(model, "text_model", model).final_layer_norm(hidden)
    vector = getattr(output, pooled, None) if pooled else None
    return torch.cat([hidden.flatten(1), *([] if vector is None else [vector])], dim=1)
