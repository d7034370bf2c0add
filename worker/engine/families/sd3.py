"""Stable Diffusion 3 and 3.5 (arXiv 2403.03206): two CLIPs, and T5 where it is there."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from worker.engine.errors import InvalidRequest
from worker.engine.families.model import Text
from worker.engine.families.transformer import Parts, Reader, TransformerModel
from worker.engine.parts.control import ControlRows, LoadedControlNet, Samples, block_samples
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.clip import ClipReader
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

T5_LENGTHS = (256, 512)
"""Tokens that T5's part of a prompt is filled up to: diffusers' own number, and its most."""


class StableDiffusion3(TransformerModel):
    """The SD3Transformer2DModel with its two CLIPs and, where there is one, T5."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.patch = self.transformer.config.patch_size
        clips = [parts.text_encoder(1), parts.text_encoder(2)]
        self._clips = [ClipReader(each, penultimate=True) for each in clips if each]
        t5 = parts.text_encoder(3)
        self._t5 = t5 and SequenceReader(t5, T5_LENGTHS)
        self._encoders = [each.model for each in (*clips, t5) if each]

    @property
    def readers(self) -> Mapping[str, Reader]:
        clips = {
            f"text_encoder{end}": clip for end, clip in zip(("", "_2"), self._clips, strict=True)
        }
        return clips | ({"text_encoder_3": self._t5} if self._t5 else {})

    def spell(self, prompt: str) -> list[Spelling]:
        read = super().spell(prompt)
        # T5's words stand behind the window of both CLIPs, which lie one over the other.
        behind = self._clips[0].window + 2
        return [
            replace(each, first=(each.first or 0) + behind) if "_3" in each.encoder else each
            for each in read
        ]

    @property
    def window(self) -> int:
        return self._t5.window if self._t5 else self._clips[0].window

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        texts = self.texts(request)
        if self._t5 is None:
            for text in texts:
                self._clips[0].check(text)
        length = max(self._t5.needs(text) for text in texts) if self._t5 else T5_LENGTHS[0]
        with self._visits.of(*self._encoders):
            read = [self._read(text, request.clip_skip, length, variant) for text in texts]
        embedded, pooled, tokens = zip(*read, strict=True)
        return Text(
            {
                "encoder_hidden_states": Pair(*embedded),
                "pooled_projections": Pair(*pooled),
            },
            tokens[0],
        )

    def _read(
        self, text: str, clip_skip: int, length: int, variant: Hashable
    ) -> tuple[torch.Tensor, torch.Tensor, int]:
        """CLIP's words side by side, T5's behind them; and the whole in one vector."""
        clips = [each.read(text, clip_skip, variant) for each in self._clips]
        words = torch.cat([each.hidden for each in clips], dim=-1)
        pooled = torch.cat([each.pooled for each in clips], dim=-1)
        width = self.transformer.config.joint_attention_dim
        words = functional.pad(words, (0, width - words.shape[-1]))
        if self._t5 is None:
            whole = words.new_zeros(1, length, width)
            return torch.cat([words, whole], dim=1), pooled, clips[0].tokens
        whole = self._t5.read(text, length=length, variant=variant)
        return torch.cat([words, whole.hidden.to(words.dtype)], dim=1), pooled, whole.tokens

    def layout(self, rows: Rows, row: int) -> Layout:
        """The picture first, and the words behind it."""
        places = self.places(rows)
        return Layout(0, places, places)

    def steering(
        self, control: LoadedControlNet, picture: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Its likeliest latents: diffusers draws some by no seed. Those nets that are told no whole
        prompt learned them without the autoencoder's shift."""
        latents = self.autoencoder.likeliest(picture * 2 - 1)
        if not control.net.config.force_zeros_for_pooled_projection:
            return latents
        config = self.autoencoder.vae.config
        return latents + (config.shift_factor or 0) * config.scaling_factor

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs: dict[str, Any] = dict(rows.inputs)
        added = block_samples(rows.controls, partial(self._ask, rows))
        if added:
            inputs["block_controlnet_hidden_states"] = added[0]
        return self._network(hidden_states=rows.latents, timestep=rows.timesteps, **inputs)

    def _ask(
        self, rows: Rows, each: ControlRows, weights: torch.Tensor
    ) -> Sequence[Samples | None]:
        net, whole = each.control.net, rows.inputs["pooled_projections"]
        if net.config.force_zeros_for_pooled_projection:
            whole = torch.zeros_like(whole)
        reads = net.config.joint_attention_dim is not None
        if net.pos_embed is None:
            # Those of SD3.5 large have the transformer's own.
            places = net._get_pos_embed_from_transformer(self.transformer)
            net.pos_embed = places.to(each.control.device, each.control.dtype)
        return net(
            hidden_states=rows.latents,
            controlnet_cond=each.pictures,
            conditioning_scale=weights,
            encoder_hidden_states=rows.inputs["encoder_hidden_states"] if reads else None,
            pooled_projections=whole,
            timestep=rows.timesteps,
            return_dict=False,
        )

    def course(self, steps: int, width: int, height: int) -> Course:
        most = self.transformer.config.pos_embed_max_size * self.factor
        for side, pixels in (("width", width), ("height", height)):
            if pixels > most:
                raise InvalidRequest(f"{side}: {self.name} draws up to {most}, not {pixels}.")
        dynamic = self.scheduler_config.get("use_dynamic_shifting")
        return Course(steps, mu=self.shift(width, height, max_shift=1.16) if dynamic else None)
