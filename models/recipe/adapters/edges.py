"""Along lines: a ControlNet (Zhang et al. 2023, arXiv:2302.05543) for edges.

A copy of the U-Net's first half looks at the lines too, and what it finds is added to what the
U-Net's second half gets of the first. Through layers that are zero in the beginning, so that
nothing changes until there is something to say. The copy has no attention: it need not know what
the lines are of, the U-Net is told that by the words.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import nn

from ..export import SHARD, tidy
from ..sampling import Model
from .fitting import Fitted
from .settings import Preset
from .shown.lines import lines
from .shown.pictures import Shown

UNTOLD = 0.3  # how often there are no words: then the lines say all


@dataclass(frozen=True)
class Asked:
    """Token ids [B, 20] and lines, 0 to 1 [B, 3, S, S]."""

    tokens: torch.Tensor
    lines: torch.Tensor


class Edges(Fitted):
    """The model with a ControlNet."""

    def __init__(self, model: Model, preset: Preset):
        super().__init__(model)
        self.controlnet = beside(self.unet, preset.hint).eval()

    def draw(
        self, shown: Shown, rows: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, Asked]:
        """Pictures, the words for them and their lines."""
        chosen = shown.chosen(rows, generator)
        words = shown.words(chosen, generator)
        untold = torch.rand(rows, generator=generator) < UNTOLD
        words[untold] = shown.nothing
        hand = random.Random(int(torch.randint(2**31, (), generator=generator)))
        drawn = np.stack([lines(picture.numpy(), hand) for picture in shown.art[chosen]])
        seen = torch.from_numpy(drawn).float().div(255)[:, None].expand(-1, 3, -1, -1)
        return shown.latents[chosen], Asked(words, seen)

    def forward(self, noisy: torch.Tensor, timesteps: torch.Tensor, asked: Asked) -> torch.Tensor:
        """The noise in noisy latents, along lines."""
        words = self.read(asked.tokens)
        down, middle = self.controlnet(
            noisy, timesteps, words, asked.lines.to(noisy.dtype), return_dict=False
        )
        return self.unet(
            noisy,
            timesteps,
            words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample

    def export(self, folder: Path) -> None:
        """Write a folder that `ControlNetModel.from_pretrained` takes, in fp16."""
        self.controlnet.half().save_pretrained(folder, max_shard_size=SHARD)
        self.controlnet.float()
        tidy(folder)


def beside(unet: UNet2DConditionModel, hint: tuple[int, ...]) -> ControlNetModel:
    """A ControlNet that begins as the U-Net's first half, without its attention."""
    config = unet.config
    net = ControlNetModel(
        in_channels=config.in_channels,
        block_out_channels=config.block_out_channels,
        down_block_types=("DownBlock2D",) * len(config.block_out_channels),
        mid_block_type="UNetMidBlock2D",
        layers_per_block=config.layers_per_block,
        cross_attention_dim=config.cross_attention_dim,
        attention_head_dim=config.attention_head_dim,
        norm_num_groups=config.norm_num_groups,
        conditioning_embedding_out_channels=hint,
    )
    own = net.state_dict()
    there = unet.state_dict()
    net.load_state_dict(own | {name: there[name] for name in own if name in there})
    # What reads the lines need not be silent too: with two zeros in a row neither learns.
    nn.init.kaiming_normal_(net.controlnet_cond_embedding.conv_out.weight)
    return net
