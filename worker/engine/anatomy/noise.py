"""The forward process: how a schedule drowns a picture, at once or step by step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import cos, pi, sqrt
from typing import Any

import numpy as np

from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel
from worker.engine.request import ImageRequest
from worker.engine.sampling.sampler import Sampler

Numbers = np.ndarray[Any, np.dtype[np.float32]]

STEPS = 1000
"""Timesteps that training had, in all the papers whose schedules are here."""


def squared_cosine() -> np.ndarray[Any, Any]:
    """The squared cosine of improved DDPM, arXiv 2102.09672, equation 17, capped at 0.999."""

    def share(at: float) -> float:
        return cos((at + 0.008) / 1.008 * pi / 2) ** 2

    return np.array(
        [min(1 - share((t + 1) / STEPS) / share(t / STEPS), 0.999) for t in range(STEPS)]
    )


def linear() -> np.ndarray[Any, Any]:
    """DDPM's own betas, arXiv 2006.11239, section 4."""
    return np.linspace(1e-4, 0.02, STEPS)


def scaled_linear() -> np.ndarray[Any, Any]:
    """Latent diffusion's betas, arXiv 2112.10752: straight in the root."""
    return np.square(np.linspace(sqrt(0.00085), sqrt(0.012), STEPS))


NAMED: dict[str, Callable[[], np.ndarray[Any, Any]]] = {
    "linear": linear,
    "scaled_linear": scaled_linear,
    "squaredcos_cap_v2": squared_cosine,
}
"""Schedules that no model is needed for, by the names that diffusers has for them: their betas."""


@dataclass(frozen=True)
class Noise:
    """A schedule as it adds noise: at timestep t there is `signal[t]` of the picture and `noise[t]`
    of noise. `betas` are None where no product of them says so (flow matching)."""

    signal: np.ndarray[Any, Any]
    noise: np.ndarray[Any, Any]
    betas: np.ndarray[Any, Any] | None = None

    @classmethod
    def of_betas(cls, betas: np.ndarray[Any, Any]) -> "Noise":
        """The schedule of DDPM: each step keeps 1 - beta of the variance, and adds beta."""
        kept = np.cumprod(1 - betas.astype(np.float64))
        return cls(kept**0.5, (1 - kept) ** 0.5, betas)

    @classmethod
    def of_flow(cls) -> "Noise":
        """Straight lines from picture to noise (arXiv 2210.02747)."""
        levels = np.arange(1, STEPS + 1) / STEPS
        return cls(1 - levels, levels)

    @property
    def alpha_bar(self) -> np.ndarray[Any, Any]:
        """The picture's share of the variance."""
        return self.signal**2 / (self.signal**2 + self.noise**2)


def named(schedule: str) -> Noise:
    """A schedule by its name. Raises KeyError."""
    return Noise.of_flow() if schedule == "flow" else Noise.of_betas(NAMED[schedule]())


def of_model(model: LoadedModel, sampler: Sampler) -> Noise:
    """The schedule that a model was trained by."""
    betas = sampler.betas
    return Noise.of_flow() if betas is None else Noise.of_betas(np.array(betas))


def at_once(clean: Numbers, noise: Noise, timestep: int, drawn: Numbers) -> Numbers:
    """q(x_t | x_0) in closed form: DDPM's equation 4."""
    made = noise.signal[timestep] * clean + noise.noise[timestep] * drawn
    return made.astype(np.float32)


def step_by_step(
    clean: Numbers, noise: Noise, timesteps: Sequence[int], generator: np.random.Generator
) -> dict[int, Numbers]:
    """The same by q(x_t | x_t-1), a little new noise at each timestep: DDPM's equation 2."""
    now, found = clean.astype(np.float32), dict[int, Numbers]()
    signal_before, noise_before = 1.0, 0.0
    for timestep in range(max(timesteps, default=-1) + 1):
        signal, level = float(noise.signal[timestep]), float(noise.noise[timestep])
        kept = signal / signal_before if signal_before else 0.0
        added = max(0.0, level**2 - (kept * noise_before) ** 2) ** 0.5
        now = now * np.float32(kept)
        now += np.float32(added) * generator.standard_normal(now.shape, np.float32)
        signal_before, noise_before = signal, level
        if timestep in timesteps:
            found[timestep] = now.copy()
    return found


@dataclass(frozen=True)
class Walk:
    """The noise levels that a sampler stops at, the noisiest first."""

    timesteps: list[float]
    sigmas: list[float]
    alpha_bar: list[float]
    snr: list[float]


def walk(sampler: Sampler) -> Walk:
    """Where a fresh sampler goes."""
    levels = [sampler.levels(timestep) for timestep in sampler.timesteps]
    shares = [signal**2 / (signal**2 + noise**2) for signal, noise in levels]
    return Walk(
        sampler.timesteps,
        [sampler.sigma(timestep) for timestep in sampler.timesteps],
        shares,
        [(signal / noise) ** 2 for signal, noise in levels],
    )


def fresh_sampler(
    model: LoadedModel, name: str, steps: int, schedule: str, size: tuple[int, int]
) -> Sampler:
    """A sampler as a picture of this model would walk by it. Raises InvalidRequest."""
    asked = replace(question(model, "", size), sampler=name, steps=steps, schedule=schedule)
    return model.sampler(asked, *size, steps, 1.0)


def training_sampler(model: LoadedModel, size: tuple[int, int]) -> Sampler:
    """A sampler that knows the model's own schedule."""
    try:
        return fresh_sampler(model, "ddim", 20, "automatic", size)
    except InvalidRequest:
        return fresh_sampler(model, "euler", 20, "automatic", size)


def question(model: LoadedModel, prompt: str, size: tuple[int, int]) -> ImageRequest:
    """A request for one look of the network at latents of this size, without guidance."""
    return ImageRequest(
        model=model.name,
        prompt=prompt,
        negative_prompt="",
        width=size[0],
        height=size[1],
        steps=1,
        guidance_scale=1.0,
        seed=0,
        sampler="ddim",
    )


def check_timesteps(timesteps: Sequence[int]) -> None:
    """Raises InvalidRequest for one that there is not."""
    if any(not 0 <= each < STEPS for each in timesteps):
        raise InvalidRequest(f"timesteps: they go from 0 to {STEPS - 1}.")
