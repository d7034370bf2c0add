"""Chroma, made of Flux: T5 alone reads, and guidance takes a second row."""

from collections.abc import Hashable
from typing import Any

import torch

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import (
    Parts,
    grid_of,
    packed,
    placed,
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

    run = staticmethod(placed)

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.transformer.time_text_embed = _Times(self.transformer.time_text_embed)
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
        predicted = self._network(
            hidden_states=patches,
            grids=[grid_of(rows.latents)],
            timestep=rows.timesteps / 1000,
            encoder_hidden_states=text,
            attention_mask=torch.cat([shown, shown.new_ones(count, patches.shape[1])], dim=1),
        )
        return unpacked(predicted, height, width)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self._encoder(ids, attention_mask=mask)[0]


class _Times(torch.nn.Module):
    """Diffusers' embedding of timesteps, whose guidance is always 0: it would make a list of as
    many numbers on the host, at each step, which binds what is compiled to a number of rows."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, timestep: torch.Tensor) -> torch.Tensor:
        table = self.inner.mod_proj
        times = self.inner.time_proj(timestep).to(timestep.dtype)
        none = torch.zeros_like(timestep, dtype=torch.float32)
        guidance = self.inner.guidance_proj(none).to(timestep.dtype)
        told = torch.cat([times, guidance], dim=1).unsqueeze(1).repeat(1, table.shape[0], 1)
        return torch.cat([told, table.to(times.dtype).repeat(timestep.shape[0], 1, 1)], dim=-1)


def _shown(read: Read) -> torch.Tensor:
    mask = read.mask
    mask[:, read.seen : read.seen + 1] = 1
    return mask
