"""The walk of TrigFlow (sCM, arXiv 2410.11081): a quarter of a circle from noise to the picture.

Latents are `cos(t) * picture + sin(t) * noise`, both of variance 1: by how much the model's own are
smaller or larger is put in where its scheduler is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.schedulers.scheduling_scm import SCMScheduler

from worker.engine.errors import InvalidRequest
from worker.engine.sampling.flow import left_out
from worker.engine.sampling.sampler import Sampler

HALF_WAY = 1.3
"""Where the second of two steps begins: the schedule that such models were distilled with."""


class TrigSampler(Sampler):
    """A consistency model's few steps, each to the picture and back to less noise."""

    def __init__(self, scheduler: Any, start: int = 0) -> None:
        super().__init__(scheduler, start)
        # The last is where the walk ends, and no forward's.
        self._timesteps = list(scheduler.timesteps[start:-1])
        self._spread = float(scheduler.config.sigma_data)

    @property
    def initial_sigma(self) -> float:
        return 1.0

    @property
    def betas(self) -> list[float] | None:
        return None

    def levels(self, timestep: float) -> tuple[float, float]:
        # Diffusers' schedule begins a hair behind the quarter.
        return max(math.cos(timestep), 0.0), math.sin(timestep)

    def sigma(self, timestep: float) -> float:
        signal, noise = self.levels(timestep)
        return noise / max(signal, 1e-6)

    def noised(self, original: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        if self.done:
            return original
        timestep = self.timestep
        return math.cos(timestep) * original + math.sin(timestep) * noise

    def scale(self, latents: torch.Tensor) -> torch.Tensor:
        return latents

    def step(
        self, noise: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        after = super().step(noise * self._spread, latents * self._spread, generator)
        return after / self._spread

    def denoised(
        self, scaled: torch.Tensor, prediction: torch.Tensor, timestep: float
    ) -> torch.Tensor:
        return math.cos(timestep) * scaled - math.sin(timestep) * prediction


def make_trig_sampler(config: Mapping[str, Any], steps: int, strength: float = 1.0) -> TrigSampler:
    """A fresh walk for one image, by the model's own scheduler. With a `strength` below 1 it leaves
    out its first steps. Raises InvalidRequest for what it cannot take."""
    scheduler: Any = SCMScheduler.from_config(dict(config))
    most = int(scheduler.config.num_train_timesteps)
    if not 1 <= steps <= most:
        raise InvalidRequest(f"steps: this model takes 1 to {most}, not {steps}.")
    scheduler.set_timesteps(steps, intermediate_timesteps=HALF_WAY if steps == 2 else None)
    return TrigSampler(scheduler, left_out(steps, strength))
