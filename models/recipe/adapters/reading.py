"""An image encoder learns to read: which of these words is this picture of?

The loss is CLIP's (Radford et al. 2021, arXiv:2103.00020): in a batch of pictures and words each
picture is to be most like its own words. The words are read by the model's own text encoder, which
stays as it is, so what the encoder learns to say is what the model can draw. It says as well which
colours are where.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from .. import parallel
from ..diffusion import Half
from ..training import Budget, Stop
from .fitting import descend, trained
from .reference import references
from .settings import Preset
from .shown.pictures import Shown
from .shown.views import views

COARSE = 4  # squares of a picture's side of which the colours are to be told


class Reader(nn.Module):
    """An image encoder, and what compares its vectors with words and colours."""

    def __init__(
        self, encoder: CLIPVisionModelWithProjection, text_encoder: CLIPTextModel, channels: int
    ):
        super().__init__()
        self.encoder = encoder
        self.text_encoder = text_encoder
        vector = encoder.config.projection_dim
        self.words = nn.Linear(text_encoder.config.hidden_size, vector, bias=False)
        self.colours = nn.Linear(vector, channels * COARSE**2)
        self.scale = nn.Parameter(torch.tensor(3.0))  # of likenesses, as a logarithm

    def forward(
        self, seen: torch.Tensor, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How like each of B pictures is to each of B words [B, B], and its colours [B, C]."""
        vectors = self.encoder(seen).image_embeds
        with torch.no_grad():
            told = self.text_encoder(tokens).pooler_output
        likeness = (
            F.normalize(vectors.float(), dim=-1)
            @ F.normalize(self.words(told).float(), dim=-1).mT.contiguous()
        )
        return self.scale.float().exp().clamp(max=100) * likeness, self.colours(vectors).float()


def loss(
    reader: Reader, shown: Shown, rows: int, view: int, generator: torch.Generator
) -> torch.Tensor:
    """How badly a batch of pictures is told by its words, and words by pictures."""
    chosen = shown.chosen(rows, generator)
    tokens = shown.words(chosen, generator)
    seen = views(references(shown, chosen, view, generator), generator)
    likeness, colours = reader(seen.to(next(reader.parameters()).dtype), tokens)
    told = (tokens != shown.nothing).any(1)
    # The same picture twice is no wrong answer; what has no words is no answer at all.
    twice = (chosen[:, None] == chosen[None]) & ~torch.eye(rows, dtype=torch.bool)
    likeness = likeness.masked_fill(twice, -100.0)[told][:, told]
    own = torch.arange(len(likeness))
    contrast = (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.mT, own)) / 2
    squares = F.adaptive_avg_pool2d(shown.latents[chosen], COARSE).flatten(1)
    return contrast + F.mse_loss(colours, squares)


def learn(
    encoder: CLIPVisionModelWithProjection,
    text_encoder: CLIPTextModel,
    shown: Shown,
    preset: Preset,
    *,
    budget: Budget,
    folder: Path,
    seed: int,
    stop: Stop,
) -> bool:
    """Train the encoder by itself; False if stopped before the budget was used."""
    reader = Reader(encoder, text_encoder, shown.latents.shape[1])
    half = Half(reader)
    rows = preset.reading_batch // parallel.size()
    return descend(
        "reading",
        half,
        trained(reader),
        lambda generator: loss(half.network, shown, rows, preset.view, generator),
        budget,
        folder,
        preset.reading_rate,
        preset.decay,
        seed,
        stop,
    )
