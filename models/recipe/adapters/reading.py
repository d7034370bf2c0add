"""An image encoder learns to read: what would words for this picture be to the U-Net?

Of the 20 states that the text encoder makes of words, four carry what a thing is: they stand
behind the words, and each has seen all of them. The encoder learns to make these four of a picture,
so that the U-Net understands it before it has ever looked at one. The U-Net is not needed for that.

Of the names of all things the picture's own is to be the nearest (CLIP's loss, Radford et al. 2021,
arXiv:2103.00020, with all names in the place of a batch's), and to be near as well. The encoder
says besides which colours are where.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import ImageProjection
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from .. import parallel
from ..diffusion import Half
from ..training import Budget, Stop
from .fitting import descend, trained
from .settings import Preset
from .shown.pictures import Shown
from .shown.views import references, views

PLACES = (7, 11, 15, 19)  # of the four states among the twenty
COARSE = 4  # squares of a picture's side of which the colours are to be told
NEARNESS = 2.0  # what being near the own name counts beside being nearest to it
NOTHING = 0.1  # and what no picture's being no words counts


class Reader(nn.Module):
    """An image encoder with its projection, and what compares tokens with names and colours."""

    def __init__(
        self,
        encoder: CLIPVisionModelWithProjection,
        projection: ImageProjection,
        text_encoder: CLIPTextModel,
        shown: Shown,
    ):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.text_encoder = text_encoder
        vector = encoder.config.projection_dim
        self.colours = nn.Linear(vector, shown.latents.shape[1] * COARSE**2)
        self.scale = nn.Parameter(torch.tensor(3.0))  # of likenesses, as a logarithm
        names = states(text_encoder, shown.names.long())
        # One spread for all numbers: those that hardly differ by name would drown the others.
        self.middle = names.mean(0)
        self.spread = (names - self.middle).std()
        self.names = (names - self.middle) / self.spread  # [L, 4 * width]
        self.nothing = self.told(shown.nothing[None])

    def told(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token ids [B, 20] as what a picture of that is to be read as [B, 4 * width]."""
        return (states(self.text_encoder, tokens).float() - self.middle) / self.spread

    def forward(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What B pictures are read as [B, 4 * width], and no picture, and their colours [B, C]."""
        vectors = self.encoder(seen).image_embeds
        none = torch.zeros_like(vectors[:1])
        read = self.projection(torch.cat([vectors, none])).flatten(1).float()
        read = (read - self.middle) / self.spread
        return read[:-1], read[-1:], self.colours(vectors).float()


@torch.no_grad()
def states(text_encoder: CLIPTextModel, tokens: torch.Tensor) -> torch.Tensor:
    """The four states that carry what words [B, 20] mean, [B, 4 * width]."""
    parts = [text_encoder(part).last_hidden_state[:, PLACES] for part in tokens.split(512)]
    return torch.cat(parts).flatten(1)


def loss(reader: Reader, shown: Shown, rows: int, generator: torch.Generator) -> torch.Tensor:
    """How badly a batch of pictures is read."""
    chosen = shown.single(rows, generator)
    tokens = shown.words(chosen, generator)
    art, _ = references(shown, chosen, generator)
    seen = views(art, generator)
    read, none, colours = reader(seen.to(next(reader.parameters()).dtype))
    # A single thing is called by its name; what a composed picture shows, its own words say.
    labels = shown.shows[chosen]
    composed = (labels < 0).nonzero().flatten()
    wanted = reader.names
    if len(composed):
        wanted = torch.cat([wanted, reader.told(tokens[composed])])
    own = labels.clone()
    own[composed] = len(reader.names) + torch.arange(len(composed))
    likeness = F.normalize(read, dim=-1) @ F.normalize(wanted, dim=-1).mT
    nearest = F.cross_entropy(reader.scale.float().exp().clamp(max=100) * likeness, own)
    squares = F.adaptive_avg_pool2d(shown.latents[chosen], COARSE).flatten(1)
    return (
        nearest
        + NEARNESS * F.mse_loss(read, wanted[own])
        + NOTHING * F.mse_loss(none, reader.nothing)
        + F.mse_loss(colours, squares)
    )


def learn(
    encoder: CLIPVisionModelWithProjection,
    projection: ImageProjection,
    text_encoder: CLIPTextModel,
    shown: Shown,
    preset: Preset,
    *,
    budget: Budget,
    folder: Path,
    seed: int,
    stop: Stop,
) -> bool:
    """Train the encoder and its projection by themselves; False if stopped before the budget was
    used."""
    reader = Reader(encoder, projection, text_encoder, shown)
    half = Half(reader)
    rows = preset.reading_batch // parallel.size()
    return descend(
        "reading",
        half,
        trained(reader),
        lambda generator: loss(half.network, shown, rows, generator),
        budget,
        folder,
        preset.reading_rate,
        preset.decay,
        seed,
        stop,
    )
