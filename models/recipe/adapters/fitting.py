"""What the three fittings share: a frozen model with a small network beside it, which is trained.

The loss is the model's own (`diffusion.error`), and so are the schedule, the average of weights and
the checkpoints (`training`). What is new in each kind is what it adds to the model and what a step
shows it.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import nn

from .. import parallel
from ..diffusion import APART, NOISE, Half, error, noised, plain_attention
from ..sampling import Model
from ..training import Average, Budget, Loop, Stop, seeded, trapezoid
from .shown.pictures import Shown

CPU = torch.device("cpu")


class Fitted(nn.Module, ABC):
    """A model that stays as it is, with something beside it."""

    def __init__(self, model: Model):
        super().__init__()
        self.unet = model.diffusion.unet.requires_grad_(False)
        self.text_encoder = model.diffusion.text_encoder.requires_grad_(False)
        self.eval()

    @abstractmethod
    def draw(self, shown: Shown, rows: int, generator: torch.Generator) -> tuple[torch.Tensor, Any]:
        """Latents for a step [rows, 4, h, w] and what `forward` is asked to draw them by."""

    @abstractmethod
    def forward(self, noisy: torch.Tensor, timesteps: torch.Tensor, asked: Any) -> torch.Tensor:
        """The noise [B, 4, h, w] in noisy latents."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write what diffusers loads, in fp16."""

    def aim(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, noise: torch.Tensor, asked: Any
    ) -> torch.Tensor:
        """What `forward` should have said [B, 4, h, w]: the noise that there is."""
        return noise

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token ids [B, 20] as the U-Net reads them, [B, 20, width]."""
        with torch.no_grad():
            return self.text_encoder(tokens).last_hidden_state


def trained(network: nn.Module) -> nn.ParameterList:
    """The weights of a network that are not frozen."""
    return nn.ParameterList(each for each in network.parameters() if each.requires_grad)


def fit(
    network: Fitted,
    shown: Shown,
    *,
    name: str,
    budget: Budget,
    folder: Path,
    rate: float,
    batch: int,
    decay: float,
    seed: int,
    stop: Stop,
) -> bool:
    """Train what is not frozen in `network`; leaves the averaged weights in it.

    False if stopped before the budget was used.
    """
    weights = trained(network)
    network.to(memory_format=torch.channels_last)
    schedule = DDPMScheduler(**NOISE).alphas_cumprod
    half = Half(network)

    def value(generator: torch.Generator) -> torch.Tensor:
        latents, asked = network.draw(shown, batch // parallel.size(), generator)
        noisy, timesteps, noise, weigh = noised(latents, schedule, generator)
        noisy = noisy.to(next(half.network.parameters()).dtype)
        aim = half.network.aim(noisy, timesteps, noise, asked)
        return error(half.network(noisy, timesteps, asked), aim, weigh)

    return descend(name, half, weights, value, budget, folder, rate, decay, seed, stop)


def descend(
    name: str,
    half: Half,
    weights: nn.ParameterList,
    value: Any,
    budget: Budget,
    folder: Path,
    rate: float,
    decay: float,
    seed: int,
    stop: Stop,
) -> bool:
    """Lower `value(generator)`, a loss that the copy in `half` gives, by changing `weights`.

    Leaves their average in them. False if stopped before the budget was used.
    """
    optimizer = torch.optim.AdamW(
        weights.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True
    )
    average = Average(weights, decay)

    def step_fn(step: int, used: float) -> dict[str, float]:
        for group in optimizer.param_groups:
            group["lr"] = rate * trapezoid(used)
        half.take_weights()
        with plain_attention(CPU):
            found = value(seeded(CPU, seed, step))
            found.backward()
        half.give_gradients()
        norm = nn.utils.clip_grad_norm_(weights.parameters(), 1.0)
        optimizer.step()
        if step % APART == APART - 1:
            parallel.average_weights(weights.parameters())
        return {"loss": found.item(), "gradient": norm.item()}

    finished = Loop(
        name,
        folder,
        budget,
        {"weights": weights, "optimizer": optimizer},
        average,
        stop,
        lambda step: None,
        apart=APART if parallel.size() > 1 else 1,
    ).run(step_fn)
    with torch.no_grad():
        torch._foreach_copy_(list(weights.parameters()), average.mean)
    return finished
