"""Sana (arXiv 2410.10629): a deep compression autoencoder, and Gemma told to write more."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import replace

import torch

from worker.engine.families.model import Text
from worker.engine.families.transformer import Parts, Reader, TransformerModel
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course

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


class Sana(TransformerModel):
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
        self._told = SequenceReader(encoder, (self._length,), self._embed, (INSTRUCTION, ""))
        self._plain = SequenceReader(encoder, (LENGTH,), self._embed)

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"text_encoder": self._told}

    @property
    def window(self) -> int:
        return self._told.window

    def spell(self, prompt: str) -> list[Spelling]:
        told = super().spell(prompt)[0]
        # Between the first token and the last ones lies what is not shown.
        return [replace(told, first=(told.first or 0) - (self._length - LENGTH))]

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        prompt, *negative = (text.lower().strip() for text in self.texts(request))
        with self._visits.of(self._encoder):
            told = self._told.read(prompt, variant=variant)
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


def _shown(rows: torch.Tensor) -> torch.Tensor:
    """The first of the tokens, and the last."""
    return torch.cat([rows[:, :1], rows[:, 1 - LENGTH :]], dim=1)
