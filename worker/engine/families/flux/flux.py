"""Flux.1: CLIP for the whole of a prompt, T5 for its words, latents packed two by two.

Kontext is shown the picture that it edits as more tokens beside those that it draws, Fill the
masked picture and its mask as more channels of each.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.families.model import Scene, Text
from worker.engine.families.transformer import (
    Parts,
    Reader,
    TransformerModel,
    grid_of,
    packed,
    placed,
    places,
    take_shown,
    unpacked,
)
from worker.engine.ground.transfer import sent
from worker.engine.parts.control import (
    ControlRows,
    LoadedControlNet,
    Samples,
    behind_each,
    block_samples,
)
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.clip import ClipReader
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

T5_LENGTHS = (512,)

KONTEXT_SIZES = (
    *((672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248)),
    *((880, 1184), (944, 1104), (1024, 1024), (1104, 944), (1184, 880), (1248, 832)),
    *((1328, 800), (1392, 752), (1456, 720), (1504, 688), (1568, 672)),
)
"""Width and height of the pictures that Kontext was trained to be shown."""

CHANNELS = "masked_channels"

PIXELS = 8
"""Pixels a side that ControlNets which look at pixels make one latent of."""


class Flux(TransformerModel):
    """The FluxTransformer2DModel with CLIP and T5: dev, Kontext and Fill, which are told the
    guidance scale, and schnell, which is not."""

    run = staticmethod(placed)

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

    @property
    def control_reads(self) -> Sequence[str]:
        return ("encoder_hidden_states", "pooled_projections")

    def spell(self, prompt: str) -> list[Spelling]:
        clip, t5 = super().spell(prompt)
        # Of CLIP the transformer sees one vector for the whole.
        return [replace(clip, first=None), t5]

    @property
    def inpaints(self) -> bool:
        return self.transformer.config.in_channels > 4 * self.latent_channels

    @property
    def draws_unseen(self) -> bool:
        return True

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

    def inputs(self, scene: Scene) -> dict[str, Pair]:
        made = super().inputs(scene)
        if scene.masked is not None and scene.painted is not None:
            area = _in_channels(scene.painted, self.autoencoder.scale)
            made[CHANNELS] = Pair(torch.cat([packed(scene.masked), packed(area)], dim=-1))
        return made

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """The size of the nearest shape that Kontext knows."""
        across, down = (max(1, side // self.factor) for side in (width, height))
        shape = across / down
        _, *nearest = min((abs(shape - w / h), w, h) for w, h in KONTEXT_SIZES)
        width, height = (side // self.factor * self.factor for side in nearest)
        return width, height

    def steering(
        self, control: LoadedControlNet, picture: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The latents of the picture, or of those that look at pixels, as XLabs', the pixels."""
        if control.net.input_hint_block is not None:
            if self.autoencoder.scale != PIXELS:
                raise InvalidRequest(
                    f"controls: {control.name} looks at {PIXELS} pixels a side for each latent, of"
                    f" which the model {self.name} has {self.autoencoder.scale}."
                )
            return picture * 2 - 1
        return super().steering(control, picture, generator)

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs: dict[str, Any] = dict(rows.inputs)
        height, width = rows.latents.shape[-2:]
        sequence, grids = packed(rows.latents), [grid_of(rows.latents)]
        drawn = sequence.shape[1]
        added = block_samples(rows.controls, len(rows), partial(self._ask, rows))
        if added:
            inputs["controlnet_block_samples"], inputs["controlnet_single_block_samples"] = added
        if CHANNELS in inputs:
            sequence = torch.cat([sequence, inputs.pop(CHANNELS)], dim=-1)
        for picture in take_shown(inputs):
            sequence = torch.cat([sequence, packed(picture)], dim=1)
            grids.append(grid_of(picture))
        predicted = self._network(
            hidden_states=sequence,
            grids=grids,
            timestep=rows.timesteps / 1000,
            **{"guidance": None, **inputs},
        )
        return unpacked(predicted[:, :drawn], height, width)

    def _ask(
        self,
        rows: Rows,
        each: ControlRows,
        weights: torch.Tensor,
    ) -> Sequence[Samples | None]:
        net, prompt = each.control.net, dict(each.prompts)
        text, rows = prompt["encoder_hidden_states"], rows.only(each.places)
        pixels = net.input_hint_block is not None
        where = places(*grid_of(rows.latents), text.device)
        if each.control.mode is not None:
            modes = torch.full((len(rows), 1), each.control.mode)
            prompt["controlnet_mode"] = sent(modes, text.device)
        double, single = net(
            hidden_states=packed(rows.latents),
            controlnet_cond=each.pictures if pixels else packed(each.pictures),
            conditioning_scale=weights,
            timestep=rows.timesteps / 1000,
            guidance=rows.inputs.get("guidance") if net.config.guidance_embeds else None,
            txt_ids=text.new_zeros(text.shape[1], 3),
            img_ids=where.to(text.dtype),
            return_dict=False,
            **prompt,
        )
        network = self.transformer
        return (
            behind_each(double, len(network.transformer_blocks), by_turns=pixels),
            behind_each(single, len(network.single_transformer_blocks)),
        )

    def course(self, steps: int, width: int, height: int) -> Course:
        """Its pipeline has solvers choose the levels themselves."""
        return replace(super().course(steps, width, height), for_all=False)


def _in_channels(mask: torch.Tensor, scale: int) -> torch.Tensor:
    """A mask of pixels (1, 1, H, W) with those of each latent as its channels."""
    height, width = (side // scale for side in mask.shape[-2:])
    blocks = mask.view(1, height, scale, width, scale).permute(0, 2, 4, 1, 3)
    return blocks.reshape(1, scale * scale, height, width)
