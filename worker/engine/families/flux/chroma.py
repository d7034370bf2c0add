"""Chroma, made of Flux: T5 alone reads, and guidance takes a second row."""

from collections.abc import Hashable

import torch

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import (
    Parts,
    packed,
    places,
    unpacked,
)
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import Read, SequenceReader
from worker.engine.request import ImageRequest
from worker.engine.trace.attention import Layout

LENGTHS = (512,)


class Chroma(OneReader[SequenceReader]):
    """The ChromaTransformer2DModel with T5, which is shown a text and one token of what it was
    filled up with."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        encoder = parts.only_text_encoder("Chroma")
        self._encoder = encoder.model
        self._reader = SequenceReader(encoder, LENGTHS, self._embed)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        with self._visits.of(self._encoder):
            read = [self._reader.read(text, variant=variant) for text in self.texts(request)]
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "attention_mask": Pair(*(_shown(each) for each in read)),
            },
            read[0].tokens,
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """The words first, and the picture behind them."""
        return Layout(rows.inputs["encoder_hidden_states"].shape[1], self.places(rows))

    def forward(self, rows: Rows) -> torch.Tensor:
        count, _, height, width = rows.latents.shape
        text, shown = rows.inputs["encoder_hidden_states"], rows.inputs["attention_mask"]
        patches = packed(rows.latents)
        predicted = self.transformer(
            hidden_states=patches,
            timestep=rows.timesteps / 1000,
            encoder_hidden_states=text,
            txt_ids=text.new_zeros(text.shape[1], 3),
            img_ids=places(height // 2, width // 2, text.device).to(text.dtype),
            attention_mask=torch.cat([shown, shown.new_ones(count, patches.shape[1])], dim=1),
            return_dict=False,
        )[0]
        return unpacked(predicted, height, width)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self._encoder(ids, attention_mask=mask)[0]


def _shown(read: Read) -> torch.Tensor:
    mask = read.mask
    mask[:, read.seen : read.seen + 1] = 1
    return mask
