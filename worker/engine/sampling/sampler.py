"""One image's place in a noise schedule, and the schedules as they are laid out."""

import copy
import inspect
import json
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.ground.transfer import unhurried
from worker.engine.sampling.recipes import AUTOMATIC, SAMPLERS, UNUSABLE_STEPS, Recipe
from worker.engine.sampling.solvers import SMALLEST_SIGNAL


class Sampler:
    """One image's walk through a noise schedule: a diffusers scheduler that nobody shares.

    Timesteps and sigmas stay on the CPU, so that no step waits for the device to read them.
    """

    def __init__(self, scheduler: Any, start: int = 0) -> None:
        """`start` is how many steps of the schedule a picture to start from lets it leave out."""
        self._scheduler = scheduler
        self._takes_generator = "generator" in inspect.signature(scheduler.step).parameters
        self._timesteps = _timesteps(scheduler, start)
        if hasattr(scheduler, "set_begin_index"):
            # Otherwise the first step looks its timestep up: of two equal ones, the second.
            scheduler.set_begin_index(start * scheduler.order)
        self.index = 0

    def __len__(self) -> int:
        """UNet forwards to the picture: PNDM takes one more than steps, Heun and DPM2 two each."""
        return len(self._timesteps)

    @property
    def done(self) -> bool:
        return self.index == len(self)

    @property
    def order(self) -> int:
        """Forwards that a step takes: 2 for Heun's and others of the second order."""
        return int(self._scheduler.order)

    @property
    def initial_sigma(self) -> float:
        """Standard deviation of the noise that the whole schedule starts from."""
        return float(self._scheduler.init_noise_sigma)

    @property
    def timestep(self) -> float:
        """The timestep of the next forward, as the UNet takes it."""
        return float(self._timesteps[self.index])

    @property
    def timesteps(self) -> list[float]:
        """Where the walk stops, the noisiest first."""
        return [float(each) for each in self._timesteps]

    @property
    def betas(self) -> list[float] | None:
        """How much noise each step of training added; None where steps are not what adds it."""
        return [float(each) for each in self._scheduler.betas]

    def levels(self, timestep: float) -> tuple[float, float]:
        """How much of the picture and how much noise is in what the network sees at a timestep."""
        signal = self._signal(timestep)
        return signal**0.5, (1 - signal) ** 0.5

    def sigma(self, timestep: float) -> float:
        """How much noise there is for one part of the picture (arXiv 2206.00364)."""
        signal, noise = self.levels(timestep)
        return noise / signal

    def begin(self, noise: torch.Tensor, original: torch.Tensor | None = None) -> torch.Tensor:
        """The latents to start from: `noise`, or the `original` with noise of the first step."""
        if original is None:
            return noise * self.initial_sigma
        return self.noised(original, noise)

    def noised(self, original: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """`original` latents as noisy as the next forward expects them; as they are at the end.

        This is `add_noise` of diffusers' image-to-image and inpainting, in closed form.
        """
        if self.done:
            return original
        # Asked of two numbers on the CPU, so that the scheduler's tables stay there.
        of_each = self._scheduler.add_noise(
            torch.tensor([1.0, 0.0]),
            torch.tensor([0.0, 1.0]),
            self._timesteps[self.index].reshape(1),
        )
        signal, sigma = of_each.tolist()
        return original * signal + noise * sigma

    def scale(self, latents: torch.Tensor) -> torch.Tensor:
        """The UNet's input for `latents`: of unit variance, whatever the schedule's sigma is."""
        return self._scheduler.scale_model_input(latents, self._timesteps[self.index])

    def step(
        self, noise: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The latents after one denoising step; ancestral samplers draw from `generator`."""
        extra = {"generator": generator} if self._takes_generator else {}
        timestep = self._timesteps[self.index]
        with unhurried(latents.device):
            after = self._scheduler.step(noise, timestep, latents, return_dict=False, **extra)[0]
        self.index += 1
        return after.to(latents.dtype)

    def denoised(
        self, scaled: torch.Tensor, prediction: torch.Tensor, timestep: float
    ) -> torch.Tensor:
        """The picture that a prediction points at: x0 of DDIM's equation 12 (arXiv 2010.02502).

        `scaled` and `prediction` are the UNet's input and output at `timestep`.
        """
        signal = self._signal(timestep)
        root_signal, root_noise = signal**0.5, (1 - signal) ** 0.5
        match self._scheduler.config.prediction_type:
            case "sample":
                return prediction
            case "v_prediction":
                return root_signal * scaled - root_noise * prediction
            case _:
                return (scaled - root_noise * prediction) / root_signal

    def _signal(self, timestep: float) -> float:
        """The share of the picture in the variance, never 0; between two timesteps log-linear."""
        signals = self._scheduler.alphas_cumprod
        low = min(max(int(timestep), 0), len(signals) - 1)
        high = min(low + 1, len(signals) - 1)
        near, far = signals[[low, high]].clamp(min=SMALLEST_SIGNAL).tolist()
        odds = (1 / near - 1) ** (1 - timestep % 1) * (1 / far - 1) ** (timestep % 1)
        return 1 / (1 + odds)


def make_sampler(
    name: str,
    scheduler_config: Mapping[str, Any],
    steps: int,
    *,
    schedule: str = AUTOMATIC,
    strength: float = 1.0,
    seed: int = 0,
) -> Sampler:
    """A fresh sampler for one image.

    `scheduler_config` is the model's own (betas, prediction type, timestep spacing). With a
    `strength` below 1 the walk leaves out its first steps, as many as diffusers' image-to-image
    does, but for one where that would leave none; 0 takes none. `seed` is for the samplers that
    draw noise of their own. Raises InvalidRequest for what it cannot take.
    """
    written = json.dumps(dict(scheduler_config), sort_keys=True, default=repr)
    recipe = SAMPLERS.get(name)
    # None but those that draw noise of their own differ from seed to seed.
    seed = seed if recipe is not None and _seed(recipe, seed) else 0
    with _at_rest:
        key = name, written, steps, schedule, seed
        scheduler = _made.pop(key, None)
        if scheduler is None:
            scheduler = _laid_out(name, scheduler_config, steps, schedule, seed)
        _made[key] = scheduler
        if len(_made) > KEPT:
            _made.pop(next(iter(_made)))
        # It is copied as it is before its first step.
        return Sampler(copy.deepcopy(scheduler), _start(steps, strength))


KEPT = 64
"""Schedules that are remembered: to lay one out takes 2 ms, of DPM++ SDE 20, and a copy 0.2."""

_made: dict[tuple[str, str, int, str, int], Any] = {}
_at_rest = threading.Lock()


def _laid_out(
    name: str, scheduler_config: Mapping[str, Any], steps: int, schedule: str, seed: int
) -> Any:
    """A scheduler of diffusers before its first step. Raises as `make_sampler` does."""
    recipe = _recipe(name, schedule, scheduler_config)
    options = recipe.options(scheduler_config, schedule)
    with warnings.catch_warnings():
        # numpy 2.4 deprecates how torch 2.13 hands it arrays, in diffusers' own code.
        warnings.filterwarnings("ignore", "__array", DeprecationWarning)
        scheduler = recipe.scheduler.from_config(
            dict(scheduler_config), **options, **_seed(recipe, seed)
        )
        most = getattr(scheduler.config, "original_inference_steps", None)
        most = most or scheduler.config.num_train_timesteps - UNUSABLE_STEPS
        if not 1 <= steps <= most:
            raise InvalidRequest(f"steps: {name} takes 1 to {most} with this model, not {steps}.")
        scheduler.set_timesteps(steps)
    if not scheduler.timesteps.isfinite().all():
        raise InvalidRequest(
            f"schedule: {name} cannot walk this model's noise in {steps} steps of it; another"
            " schedule or more steps would do."
        )
    if steps == 1 and _stands_still(scheduler):
        raise InvalidRequest(f"steps: {name} takes 2 to {most} with this schedule, not 1.")
    return scheduler


def _recipe(name: str, schedule: str, config: Mapping[str, Any]) -> Recipe:
    recipe = SAMPLERS.get(name)
    if recipe is None:
        raise InvalidRequest(f"sampler: {name!r} is unknown; there are {', '.join(SAMPLERS)}.")
    if schedule not in recipe.schedules:
        takes = ", ".join(recipe.schedules)
        raise InvalidRequest(f"schedule: {name} does not take {schedule!r}; it takes {takes}.")
    if config.get("prediction_type") == "sample" and not recipe.predicts_sample:
        raise InvalidRequest(f"sampler: {name} takes no model that predicts the sample; ddim does.")
    return recipe


def _seed(recipe: Recipe, seed: int) -> dict[str, int]:
    """The seed as an option, for the scheduler that takes one."""
    known = inspect.signature(recipe.scheduler.__init__).parameters
    return {"noise_sampler_seed": seed} if "noise_sampler_seed" in known else {}


def _start(steps: int, strength: float) -> int:
    """How many steps are left out: those of diffusers' `get_timesteps`."""
    if strength <= 0:
        return steps
    return steps - min(max(int(steps * strength), 1), steps)


def _stands_still(scheduler: Any) -> bool:
    """Whether the last step goes nowhere, because the schedule's last two sigmas are the same."""
    sigmas: torch.Tensor | None = getattr(scheduler, "sigmas", None)
    return sigmas is not None and bool(sigmas[-2] == sigmas[-1] > 0)


def _timesteps(scheduler: Any, start: int) -> list[torch.Tensor]:
    """The timestep of each forward from step `start` on, on the CPU."""
    timesteps = scheduler.timesteps[start * scheduler.order :]
    if not hasattr(scheduler, "sigmas"):
        # Rounding may give a trailing spacing one step more, at -1: read as the noisiest.
        timesteps = timesteps[timesteps >= 0]
    return list(timesteps)
