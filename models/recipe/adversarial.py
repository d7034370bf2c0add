"""The patch critic that sharpens an autoencoder.

PatchGAN (Isola et al. 2017, arXiv:1611.07004) with the hinge loss, as latent diffusion's first
stage uses it (arXiv:2112.10752, appendix G; VQGAN, arXiv:2012.09841): a small convolutional
network says for each patch whether it is real, and the decoder is rewarded for fooling it.
"""

import torch
import torch.nn.functional as F
from torch import nn

from . import parallel


class Critic(nn.Module):
    """Pixels [B, 3, S, S] to one judgement per patch [B, 1, S/8, S/8]; higher means more real."""

    def __init__(self, width: int = 32):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for _ in range(2):
            layers += [
                nn.Conv2d(width, 2 * width, 4, 2, 1),
                nn.GroupNorm(8, 2 * width),
                nn.LeakyReLU(0.2),
            ]
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels)


class Opponent:
    """The critic with its own optimizer: it learns beside the autoencoder, never through it."""

    def __init__(self, rate: float, device: torch.device):
        self.critic = Critic().to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.critic.parameters(), lr=rate, betas=(0.5, 0.9))

    def reward(self, decoded: torch.Tensor) -> torch.Tensor:
        """What the decoder adds to its loss: less for patches that the critic takes for real."""
        self.critic.requires_grad_(False)
        judged = -self.critic(decoded).mean()
        self.critic.requires_grad_(True)
        return judged

    def learn(self, real: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        """One step of the hinge loss: real patches above 1, decoded ones below -1. The loss."""
        with torch.autocast(real.device.type, torch.bfloat16):
            judged_real, judged_decoded = self.critic(real), self.critic(decoded.detach())
            loss = 0.5 * (F.relu(1 - judged_real).mean() + F.relu(1 + judged_decoded).mean())
        self.optimizer.zero_grad()
        loss.backward()
        parallel.average_gradients(self.critic.parameters())
        self.optimizer.step()
        return loss.detach()
