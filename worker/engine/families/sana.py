"""Sana (arXiv 2410.10629) and Sana Sprint: a deep autoencoder, and Gemma told to write more."""

import re
from collections.abc import Hashable
from dataclasses import replace

import torch

from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import Parts
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.sampling.sampler import Sampler
from worker.engine.sampling.trig import make_trig_sampler

INSTRUCTION = "\n".join(
    (
        "Given a user prompt, generate an 'Enhanced prompt' that provides detailed visual"
        " descriptions suitable for image generation. Evaluate the level of detail in the user"
        " prompt:",
        "- If the prompt is simple, focus on adding specifics about colors, shapes, sizes,"
        " textures, and spatial relationships to create vivid and concrete scenes.",
        "- If the prompt is already detailed, refine and enhance the existing details slightly"
        " without overcomplicating.",
        "Here are examples of how to transform or refine prompts:",
        "- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white cat curled up in a round"
        " shape, sleeping peacefully on a warm sunny windowsill, surrounded by pots of blooming"
        " red flowers.",
        "- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk,"
        " featuring glowing street lamps, a diverse crowd of people in colorful clothing, and a"
        " double-decker bus passing by towering glass skyscrapers.",
        "Please generate only the enhanced description for the prompt below and avoid including"
        " any additional commentary or evaluations:",
        "User Prompt: ",
    )
)

LENGTH = 300
"""Tokens that the transformer is shown: the first, and the last of the prompt."""


class DeepAutoencoder(Autoencoder):
    """An AutoencoderDC, which knows a picture's latents for sure and draws nothing."""

    @property
    def scale(self) -> int:
        return 2 ** (len(self.vae.config.encoder_block_out_channels) - 1)

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.vae.encode(pixels).latent.float(), None


class Sana(OneReader[SequenceReader]):
    """The SanaTransformer2DModel with Gemma 2."""

    autoencoder_class = DeepAutoencoder

    looks = re.compile(r".*blocks\.\d+\.attn2")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.patch = self.transformer.config.patch_size
        encoder = parts.only_text_encoder("Sana")
        self._encoder = encoder.model
        instruction = len(encoder.tokenizer.encode(INSTRUCTION))
        self._length = instruction + LENGTH - 2
        self._reader = SequenceReader(encoder, (self._length,), self._embed, (INSTRUCTION, ""))
        self._plain = SequenceReader(encoder, (LENGTH,), self._embed)

    def spell(self, prompt: str) -> list[Spelling]:
        told = super().spell(prompt)[0]
        # Between the first token and the last ones lies what is not shown.
        return [replace(told, first=(told.first or 0) - (self._length - LENGTH))]

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        prompt, *negative = (text.lower().strip() for text in self.texts(request))
        with self._visits.of(self._encoder):
            told = self._reader.read(prompt, variant=variant)
            plain = [self._plain.read(text, variant=variant) for text in negative]
        return Text(
            {
                "encoder_hidden_states": Pair(
                    _shown(told.hidden), *(each.hidden for each in plain)
                ),
                "encoder_attention_mask": Pair(_shown(told.mask), *(each.mask for each in plain)),
            },
            told.tokens,
        )

    def forward(self, rows: Rows) -> torch.Tensor:
        scale = self.transformer.config.timestep_scale
        predicted = self._network(rows.latents, timestep=rows.timesteps * scale, **rows.inputs)
        # Some learned how sure they are, which no sampler asks for.
        return predicted[:, : self.latent_channels]

    def course(self, steps: int, width: int, height: int) -> Course:
        return Course(steps)

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self._encoder(ids, attention_mask=mask, use_cache=False)[0]


class SanaSprint(Sana):
    """A Sana that was distilled to a few steps (arXiv 2503.09641): it is told the guidance scale,
    and walks a quarter of a circle. What its transformer learned before is a flow, so it is asked
    where on a straight line the same mixture lies."""

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs = dict(rows.inputs)
        inputs["guidance"] = inputs["guidance"] * self.transformer.config.guidance_embeds_scale
        sine, cosine = torch.sin(rows.timesteps), torch.cos(rows.timesteps)
        times = sine / (cosine + sine)
        time = times.view(-1, 1, 1, 1)
        length = torch.sqrt(time**2 + (1 - time) ** 2)
        latents = rows.latents * length
        flow = self.transformer(
            latents.to(self.dtype), timestep=times, return_dict=False, **inputs
        )[0]
        flow = flow[:, : self.latent_channels]
        return ((1 - 2 * time) * latents + (1 - 2 * time + 2 * time**2) * flow) / length

    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        return make_trig_sampler(self.scheduler_config, steps, strength)


def _shown(rows: torch.Tensor) -> torch.Tensor:
    """The first of the tokens, and the last."""
    return torch.cat([rows[:, :1], rows[:, 1 - LENGTH :]], dim=1)
