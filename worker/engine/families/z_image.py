"""Z-Image (arXiv 2511.22699): one transformer for a language model's tokens and the picture's."""

import re
from collections.abc import Hashable
from functools import partial
from typing import Any

import torch
from diffusers.models.transformers.transformer_z_image import SEQ_MULTI_OF
from torch.nn import functional

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import Parts
from worker.engine.ground.transfer import sent
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.chat import ChatReader
from worker.engine.prompt.sequence import counted, counts_of
from worker.engine.request import ImageRequest
from worker.engine.trace.attention import Layout

MOST = 512
"""Tokens of a prompt within its template."""

PLACE = "PROMPT"

PATCHES = "2-1"
"""By which the layers of patches of 2x2 of one frame are named."""


class ZImage(OneReader[ChatReader]):
    """The ZImageTransformer2DModel with Qwen3. Prompts filled up to the same length share
    forwards.

    Any guidance scale above 0 takes a second row, as in diffusers' pipeline.
    """

    looks = re.compile(r"layers\.\d+\.attention")

    def __init__(self, parts: Parts) -> None:
        transformer = parts.components["transformer"]
        # Before anything else hangs on it: what is compiled has no lists.
        transformer.forward = partial(over_rows, transformer)
        super().__init__(parts)
        encoder = parts.only_text_encoder("Z-Image")
        self._encoder = encoder.model
        said = encoder.tokenizer.apply_chat_template(
            [{"role": "user", "content": PLACE}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
        before, after = said.split(PLACE)
        self._reader = ChatReader(encoder, (before, after), MOST, self._embed)

    def guided(self, request: ImageRequest) -> bool:
        return request.guidance_scale > 0

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        return towards + scale * (towards - without)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        with self._visits.of(self._encoder):
            read = self._reader.read_all(self.texts(request), variant)
        counts = [counted(each) for each in read]
        return Text(
            {"captions": Pair(*(each.hidden for each in read)), "counts": Pair(*counts)},
            read[0].tokens,
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """The picture first, filled up to a whole number of blocks, and the words behind it."""
        places = self.places(rows)
        return Layout(0, places, places + -places % SEQ_MULTI_OF)

    def forward(self, rows: Rows) -> torch.Tensor:
        counts = torch.tensor(counts_of(rows.inputs["counts"]))
        lengths = counts + -counts % SEQ_MULTI_OF
        longest = int(lengths.max())
        captions = rows.inputs["captions"][:, :longest]
        where, device = torch.arange(longest), captions.device
        ragged = bool((lengths < longest).any())
        predicted = self._network(
            latents=rows.latents,
            times=(1000 - rows.timesteps) / 1000,
            captions=captions,
            words=sent(where < counts[:, None], device),
            behind=sent(lengths + 1, device),
            seen=sent(where < lengths[:, None], device) if ragged else None,
        )
        return -predicted

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        read = self._encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return read.hidden_states[-2]


def over_rows(
    self: Any,
    latents: torch.Tensor,
    times: torch.Tensor,
    captions: torch.Tensor,
    words: torch.Tensor,
    behind: torch.Tensor,
    seen: torch.Tensor | None,
    return_dict: bool = False,
) -> tuple[torch.Tensor]:
    """A ZImageTransformer2DModel's prediction for latents (n, C, h, w), as its own forward makes it
    of lists: of captions (n, length, width) `words` (n, length) are tokens, `seen` those that a
    caption is filled up to, where not all are, and the picture stands from `behind` (n,) on."""
    rows, channels, height, width = latents.shape
    down, across, device = height // 2, width // 2, latents.device
    told = self.t_embedder(times * self.t_scale).type_as(latents)
    patches = latents.view(rows, channels, down, 2, across, 2).permute(0, 2, 4, 3, 5, 1)
    drawn = self.all_x_embedder[PATCHES](patches.reshape(rows, down * across, channels * 4))
    filled = -(down * across) % SEQ_MULTI_OF
    drawn = torch.cat([drawn, self.x_pad_token[None].expand(rows, filled, -1)], dim=1)
    lines = torch.arange(down, device=device).repeat_interleave(across)
    columns = torch.arange(across, device=device).repeat(down)
    grid = torch.stack([torch.zeros_like(lines), lines, columns], dim=-1)
    ahead = torch.stack([behind, torch.zeros_like(behind), torch.zeros_like(behind)], dim=-1)
    places = functional.pad(grid[None] + ahead[:, None], (0, 0, 0, filled))
    turns = _turns(self.rope_embedder, places)
    for layer in self.noise_refiner:
        drawn = layer(drawn, None, turns, told)
    read = torch.where(words.unsqueeze(-1), self.cap_embedder(captions), self.cap_pad_token)
    order = torch.arange(1, captions.shape[1] + 1, device=device)
    order = functional.pad(order[:, None], (0, 2))[None].expand(rows, -1, -1)
    turned = _turns(self.rope_embedder, order)
    for layer in self.context_refiner:
        read = layer(read, seen, turned)
    hidden, turns = torch.cat([drawn, read], dim=1), torch.cat([turns, turned], dim=1)
    if seen is not None:
        seen = functional.pad(seen, (drawn.shape[1], 0), value=True)
    for layer in self.layers:
        hidden = layer(hidden, seen, turns, told)
    made = self.all_final_layer[PATCHES](hidden, c=told)[:, : down * across]
    made = made.view(rows, down, across, 2, 2, -1).permute(0, 5, 1, 3, 2, 4)
    return (made.reshape(rows, -1, height, width),)


def _turns(embedder: Any, places: torch.Tensor) -> torch.Tensor:
    """What turns tokens that stand there (n, tokens, 3), as diffusers' tables have it."""
    angles = [
        places[..., axis, None].double()
        * (
            1.0
            / embedder.theta ** (torch.arange(0, width, 2, device=places.device).double() / width)
        )
        for axis, width in enumerate(embedder.axes_dims)
    ]
    turned = torch.cat(angles, dim=-1).float()
    # Not torch.polar, of which OpenVINO makes something else.
    return torch.view_as_complex(torch.stack([turned.cos(), turned.sin()], dim=-1))
