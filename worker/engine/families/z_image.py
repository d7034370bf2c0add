"""Z-Image (arXiv 2511.22699): one transformer for a language model's tokens and the picture's."""

import re
from collections.abc import Hashable

import torch
from diffusers.models.transformers.transformer_z_image import SEQ_MULTI_OF

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import Parts
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.chat import ChatReader
from worker.engine.prompt.sequence import counted, counts_of
from worker.engine.request import ImageRequest
from worker.engine.trace.attention import Layout

MOST = 512
"""Tokens of a prompt within its template."""

PLACE = "PROMPT"


class ZImage(OneReader[ChatReader]):
    """The ZImageTransformer2DModel with Qwen3. It takes prompts as a list, each with its own
    length, so that those filled up to the same one share forwards.

    Any guidance scale above 0 takes a second row, as in diffusers' pipeline.
    """

    looks = re.compile(r"layers\.\d+\.attention")

    def __init__(self, parts: Parts) -> None:
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
        counts = counts_of(rows.inputs["counts"])
        captions = rows.inputs["captions"]
        predicted = self.transformer(
            list(rows.latents.unsqueeze(2)),
            (1000 - rows.timesteps) / 1000,
            [caption[:count] for caption, count in zip(captions, counts, strict=True)],
            return_dict=False,
        )[0]
        return -torch.stack(list(predicted)).squeeze(2)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        read = self._encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return read.hidden_states[-2]
