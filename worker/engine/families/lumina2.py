"""Lumina Image 2.0 (arXiv 2503.21758): a language model's tokens and the picture's in one row."""

import re
from collections.abc import Hashable
from typing import Any

import torch

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import Parts, lengths
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import SequenceReader, counted, counts_of
from worker.engine.request import ImageRequest
from worker.engine.trace.attention import Layout

SYSTEM = (
    "You are an assistant designed to generate superior images with the superior degree of"
    " image-text alignment based on textual prompts or user prompts. <Prompt Start> "
)

LENGTHS = (256,)


class Lumina2(OneReader[SequenceReader]):
    """The Lumina2Transformer2DModel with Gemma 2. Time goes the other way: 0 is noise."""

    looks = re.compile(r"layers\.\d+\.attn")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.patch = self.transformer.config.patch_size
        self._places = _Places(self.transformer.rope_embedder, parts.device)
        self.transformer.rope_embedder = self._places
        encoder = parts.only_text_encoder("Lumina 2")
        self._encoder = encoder.model
        self._reader = SequenceReader(encoder, LENGTHS, self._embed, (SYSTEM, ""))
        self._plain = SequenceReader(encoder, LENGTHS, self._embed)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        prompt, *negative = self.texts(request)
        with self._visits.of(self._encoder):
            read = [self._reader.read(prompt, variant=variant)]
            read += [self._plain.read(text, variant=variant) for text in negative]
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "encoder_attention_mask": Pair(*(each.mask for each in read)),
                "counts": Pair(*(counted(each) for each in read)),
            },
            read[0].tokens,
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """As many words as the prompt has, and the picture behind them."""
        ahead = int((rows.inputs["encoder_attention_mask"][row] > 0).sum())
        return Layout(ahead, self.places(rows))

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs = dict(rows.inputs)
        self._places.counts = counts_of(inputs.pop("counts"))
        inputs["encoder_attention_mask"] = (inputs["encoder_attention_mask"] > 0).int()
        timesteps = 1 - rows.timesteps / self.scheduler_config.get("num_train_timesteps", 1000)
        return -self.transformer(
            hidden_states=rows.latents, timestep=timesteps, return_dict=False, **inputs
        )[0]

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Each line of each channel keeps the length that it has with the prompt alone."""
        guided = super().guide(without, towards, scale)
        return guided * (lengths(towards) / lengths(guided))

    def tokens(self, width: int, height: int) -> int:
        """Diffusers' pipeline goes by the number of channels, whatever the size."""
        return self.latent_channels

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        read = self._encoder(ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        return read.hidden_states[-2]


class _Places(torch.nn.Module):
    """Diffusers' rotary embeddings, told how long each prompt is: it would ask the device, at each
    step, and bring its tables there as often."""

    def __init__(self, inner: Any, device: torch.device) -> None:
        super().__init__()
        self.counts: list[int] = []
        self._inner = inner
        inner.freqs_cis = [table.to(device) for table in inner.freqs_cis]

    def forward(self, latents: torch.Tensor, mask: torch.Tensor) -> Any:
        seen = torch.arange(mask.shape[1]) < torch.tensor(self.counts)[:, None]
        return self._inner(latents, seen)
