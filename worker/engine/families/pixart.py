"""PixArt-Sigma (arXiv 2403.04692): T5's words by cross-attention, and noise as UNets predict it."""

import re
from collections.abc import Hashable

import torch

from worker.engine.families.model import Text, noise_sampler
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import Parts
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.request import ImageRequest
from worker.engine.sampling.sampler import Sampler

LENGTHS = (300,)


class PixArtSigma(OneReader[SequenceReader]):
    """The PixArtTransformer2DModel with T5: a transformer that predicts noise, not a flow."""

    looks = re.compile(r".*blocks\.\d+\.attn2")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.patch = self.transformer.config.patch_size
        encoder = parts.only_text_encoder("PixArt")
        self._encoder = encoder.model
        self._reader = SequenceReader(encoder, LENGTHS, self._embed)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        texts = [text.lower().strip() for text in self.texts(request)]
        with self._visits.of(self._encoder):
            read = [self._reader.read(text, variant=variant) for text in texts]
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "encoder_attention_mask": Pair(*(each.mask for each in read)),
            },
            read[0].tokens,
        )

    def forward(self, rows: Rows) -> torch.Tensor:
        predicted = self._network(
            rows.latents,
            timestep=rows.timesteps,
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            **rows.inputs,
        )
        # It learned how sure it is as well, which no sampler asks for.
        return predicted[:, : self.latent_channels]

    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        return noise_sampler(request, self.scheduler_config, steps, strength)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self._encoder(ids, attention_mask=mask)[0]
