"""Flux.1: CLIP for the whole of a prompt, T5 for its words, latents packed two by two."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

import torch

from worker.engine.families.model import Text
from worker.engine.families.transformer import Parts, Reader, TransformerModel, packed, unpacked
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.clip import ClipReader
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

T5_LENGTHS = (512,)


class Flux(TransformerModel):
    """The FluxTransformer2DModel with CLIP and T5: dev, which is told the guidance scale, and
    schnell, which is not."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        clip, t5 = parts.text_encoder(1), parts.text_encoder(2)
        if clip is None or t5 is None:
            raise ValueError("Flux has two text encoders.")
        self._clip = ClipReader(clip, penultimate=False)
        self._t5 = SequenceReader(t5, T5_LENGTHS)
        self._encoders = clip.model, t5.model

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"text_encoder": self._clip, "text_encoder_2": self._t5}

    @property
    def window(self) -> int:
        return self._t5.window

    def spell(self, prompt: str) -> list[Spelling]:
        clip, t5 = super().spell(prompt)
        # Of CLIP the transformer sees one vector for the whole.
        return [replace(clip, first=None), t5]

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        texts = self.texts(request)
        with self._visits.of(*self._encoders):
            words = [self._t5.read(text, variant=variant) for text in texts]
            whole = [self._clip.read(text, 1, variant).pooled for text in texts]
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in words)),
                "pooled_projections": Pair(*whole),
            },
            words[0].tokens,
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """The words first, and the picture behind them."""
        ahead = rows.inputs["encoder_hidden_states"].shape[1]
        return Layout(ahead, self.places(rows))

    def forward(self, rows: Rows) -> torch.Tensor:
        height, width = rows.latents.shape[-2:]
        text = rows.inputs["encoder_hidden_states"]
        predicted = self.transformer(
            hidden_states=packed(rows.latents),
            timestep=rows.timesteps / 1000,
            txt_ids=text.new_zeros(text.shape[1], 3),
            img_ids=places(height // 2, width // 2).to(text),
            return_dict=False,
            **{"guidance": None, **rows.inputs},
        )[0]
        return unpacked(predicted, height, width)

    def course(self, steps: int, width: int, height: int) -> Course:
        """Its pipeline has solvers choose the levels themselves."""
        return replace(super().course(steps, width, height), for_all=False)


def places(height: int, width: int) -> torch.Tensor:
    """Where each patch stands: (height * width, 3), the first number for all of them 0."""
    grid = torch.zeros(height, width, 3)
    grid[..., 1] += torch.arange(height)[:, None]
    grid[..., 2] += torch.arange(width)[None, :]
    return grid.reshape(height * width, 3)
