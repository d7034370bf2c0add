"""Qwen-Image 2.1: words and pictures are one sequence, in which words see what stands before them.

Words, and pictures to edit among them, are told that there is no noise, whatever the step; only
what is drawn is told how much.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from types import MethodType
from typing import Any

import torch

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.qwen.frames import ClearAutoencoder
from worker.engine.families.qwen.joint import Places, Span, over_rows, seen, standing
from worker.engine.families.qwen.shown import AREA, shaped
from worker.engine.families.transformer import Parts, take_shown
from worker.engine.ground.transfer import sent
from worker.engine.parts.rows import Pair, Rows
from worker.engine.parts.upscaler import lanczos
from worker.engine.prompt.chat import ChatReader
from worker.engine.prompt.seen import PLACE, SeeingReader
from worker.engine.prompt.sequence import counted, counts_of
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

SYSTEM = "<|im_start|>system\nComprehend and analyze the provided prompt.<|im_end|>\n"
"""What the language model is told first, of which nothing is kept."""

USER = "<|im_start|>user\n"
TEMPLATE = (f"{SYSTEM}{USER}", "<|im_end|>\n<|im_start|>assistant\n")

BEFORE, AFTER = "<image{}><|vision_start|>", "<|vision_end|>"
"""What stands round each picture."""

MOST = 4096
"""Tokens of a prompt within its template."""

NOTHING = " "
"""Stands for an empty text, of which the language model would have nothing to read."""

GROUP = 2
"""Sides of pictures are multiples of so many tokens, as the transformer was trained."""


def unchanged(_: torch.nn.Module, args: Any, __: Any) -> Any:
    """What came in comes out."""
    return args[0]


class QwenImage21(OneReader[ChatReader]):
    """The QwenImage21Transformer2DModel with Qwen3-VL; prompts of different lengths share forwards
    where they are filled up to the same one, each picture standing right behind its own prompt."""

    autoencoder_class = ClearAutoencoder
    patch = 1

    def __init__(self, parts: Parts) -> None:
        transformer = parts.components["transformer"]
        # Before anything else hangs on it: diffusers' own forward has one place for the pictures
        # of all rows, and asks the device for it at each step.
        transformer.forward = MethodType(over_rows, transformer)
        super().__init__(parts)
        self._places = Places(transformer)
        encoder = parts.only_text_encoder("Qwen-Image 2.1")
        self._encoder = encoder.model
        # Without what would make of it which word comes next.
        encoder = replace(encoder, model=encoder.model.model)
        self._reader_model = encoder.model
        # The transformer reads the last layer's output as it is before it is normalized.
        self._reader_model.language_model.norm.register_forward_hook(unchanged)
        self._tokenizer = encoder.tokenizer
        drop = self._tokens_of(SYSTEM)
        self._reader = ChatReader(encoder, TEMPLATE, MOST, self._embed, drop=drop)
        processor = parts.components["image_processor"]
        self._seeing = SeeingReader(encoder, processor, MOST, drop, told=True)
        self._levels: Sequence[float] = parts.options.get("sample_sigmas") or ()

    @property
    def factor(self) -> int:
        return self.autoencoder.scale * GROUP

    def tokens(self, width: int, height: int) -> int:
        scale = self.autoencoder.scale
        return width // scale * (height // scale)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        texts = [text or NOTHING for text in self.texts(request)]
        with self._visits.of(self._encoder):
            read = self._reader_of(request).read_all(texts, variant)
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "counts": Pair(*(counted(each) for each in read)),
            },
            read[0].tokens,
        )

    def _reader_of(self, request: ImageRequest) -> ChatReader:
        """What reads the request's texts, with the pictures that they speak of."""
        if not request.references:
            return self._reader
        pictures = [
            lanczos(each, *shaped(AREA, each.shape[1], each.shape[0]))
            for each in request.references
        ]
        said = " ".join(f"{BEFORE.format(n + 1)}{PLACE}{AFTER}" for n in range(len(pictures)))
        before, after = TEMPLATE
        return self._seeing.reader((before + said, after), pictures)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        return shaped(AREA, width, height)

    def layout(self, rows: Rows, row: int) -> Layout:
        """The picture looks in an attention of its own, with all that is ahead of it."""
        inputs = dict(rows.inputs)
        length = inputs["encoder_hidden_states"].shape[1]
        spans = self._spans(length, [*take_shown(inputs), rows.latents])
        keys = sum(span.words + span.places for span in spans)
        places = self.places(rows)
        return Layout(0, places, keys - places - length, keys=keys)

    def course(self, steps: int, width: int, height: int) -> Course:
        """The levels of its makers, where a walk has as many steps."""
        course = super().course(steps, width, height)
        return replace(course, sigmas=self._levels) if len(self._levels) == steps else course

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs = dict(rows.inputs)
        words = inputs.pop("encoder_hidden_states")
        counts = counts_of(inputs.pop("counts"))
        pictures = [*take_shown(inputs), rows.latents]
        spans = self._spans(words.shape[1], pictures)
        self._places.turn(standing(spans, words.shape[1], counts), words.device)
        predicted = self.transformer(
            words,
            [each.flatten(2).transpose(1, 2) for each in pictures],
            rows.timesteps / 1000,
            spans,
            sent(seen(spans, words.shape[1], counts), words.device),
        )
        return predicted.transpose(1, 2).unflatten(2, rows.latents.shape[-2:])

    def _spans(self, length: int, pictures: Sequence[torch.Tensor]) -> list[Span]:
        """Of a row with so many words: those ahead of each picture, and the picture. The words
        that a picture to edit was read as make room for it."""
        spans: list[Span] = []
        start = 0
        for number, each in enumerate(pictures, start=1):
            height, width = each.shape[-2:]
            if number == len(pictures):
                spans.append(Span(start, length, height, width))
                break
            ahead = USER if number == 1 else f"{AFTER} "
            end = start + self._tokens_of(ahead + BEFORE.format(number))
            spans.append(Span(start, end, height, width))
            start = end + height // GROUP * (width // GROUP)
        return spans

    def _tokens_of(self, text: str) -> int:
        return len(self._tokenizer(text).input_ids)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        read = self._reader_model(input_ids=ids, attention_mask=mask)
        return read.last_hidden_state
