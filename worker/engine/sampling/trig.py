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

from worker.engine.errors import InvalidRequest, say
from worker.engine.sampling.flow import left_out
from worker.engine.sampling.sampler import Sampler
from worker.engine.sampling.walk import KeptWalks, Walk, written

HALF_WAY = 1.3
"""Where the second of two steps begins: the schedule that such models were distilled with."""


class TrigSampler(Sampler):
    """A consistency model's few steps, each to the picture and back to less noise."""

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
        raise InvalidRequest(
            say(
                "steps-between",
                "steps: this model takes {least} to {most}, not {given}.",
                least=1,
                most=most,
                given=steps,
            )
        )
    start = left_out(steps, strength)
    return TrigSampler(
        _walks.get((written(config), steps, start), lambda: _walk(scheduler, steps, start))
    )


_walks = KeptWalks()


def _walk(scheduler: Any, steps: int, start: int) -> Walk:
    scheduler.set_timesteps(steps, intermediate_timesteps=HALF_WAY if steps == 2 else None)
    # The last is where the walk ends, and no forward's.
    forwards = list(scheduler.timesteps[start:-1])
    spread = float(scheduler.config.sigma_data)
    return Walk(scheduler, start, timesteps=forwards, levels=_levels, spread=spread)


def _levels(scheduler: Any, step: int, timestep: torch.Tensor) -> tuple[float, float]:
    return math.cos(float(timestep)), math.sin(float(timestep))
