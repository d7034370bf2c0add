"""One image's place in a noise schedule, and the schedules as they are laid out."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch

from worker.engine.errors import InvalidRequest, say
from worker.engine.ground.transfer import sent
from worker.engine.sampling.recipes import AUTOMATIC, SAMPLERS, UNUSABLE_STEPS, Recipe
from worker.engine.sampling.solvers import SMALLEST_SIGNAL, BrownianNoise
from worker.engine.sampling.steps import Steps
from worker.engine.sampling.walk import KeptWalks, Line, Walk, written


class Sampler:
    """One image's place on its walk through a noise schedule."""

    def __init__(self, walk: Walk, seed: int = 0) -> None:
        """`seed` is for noise that is not drawn by the image's own generator."""
        self.walk = walk
        self.index = 0
        self._scheduler = walk.scheduler
        self._seed = seed
        self._brownian: BrownianNoise | None = None
        self._remembered: torch.Tensor | None = None

    def __len__(self) -> int:
        """UNet forwards to the picture: PNDM takes one more than steps, Heun and DPM2 two each."""
        return len(self.walk)

    @property
    def done(self) -> bool:
        return self.index == len(self.walk)

    @property
    def order(self) -> int:
        """Forwards that a step takes: 2 for Heun's and others of the second order."""
        return int(self._scheduler.order)

    @property
    def initial_sigma(self) -> float:
        """Standard deviation of the noise that the whole schedule starts from."""
        return float(self._scheduler.init_noise_sigma)

    @property
    def line(self) -> Line:
        """The step to come."""
        return self.walk[self.index]

    @property
    def timestep(self) -> float:
        """The timestep of the next forward, as the UNet takes it."""
        return self.walk.timesteps[self.index]

    @property
    def timesteps(self) -> list[float]:
        """Where the walk stops, the noisiest first."""
        return self.walk.timesteps

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
        """`original` latents as noisy as the next forward expects them; as they are at the end."""
        if self.done:
            return original
        signal, sigma = self.line.levels
        return original * signal + noise * sigma

    def drawn(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """The noise of the step to come, which draws some, on the CPU: by the image's `generator`,
        or of a Brownian motion of its own seed."""
        interval = self.line.interval
        if interval is None:
            return torch.randn(shape, generator=generator)
        if self._brownian is None:
            self._brownian = BrownianNoise(shape, *self.walk.brownian, self._seed)
        return self._brownian(*interval)

    def scale(self, latents: torch.Tensor) -> torch.Tensor:
        """The UNet's input for `latents`, of one image that is walked by itself."""
        return Steps([self.line], latents.device).scaled(latents[:, None])

    def step(
        self, noise: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The latents after a step of one image that is walked by itself, with the predicted noise;
        ancestral samplers draw from `generator`."""
        state = latents[:, None]
        if self._remembered is not None:
            state = torch.cat([state, self._remembered], dim=1)
        drawn = None
        if self.line.draws:
            drawn = sent(self.drawn(latents.shape, generator), latents.device)
        after = Steps([self.line], latents.device).after(state, noise, drawn)
        self._remembered = after[:, 1:]
        self.index += 1
        return after[:, 0]

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
    start = _start(steps, strength)
    walk = _walks.get(
        (name, written(scheduler_config), steps, schedule, start),
        lambda: Walk(_laid_out(name, scheduler_config, steps, schedule), start),
    )
    return Sampler(walk, seed)


def check_steps(name: str, steps: int, most: int) -> None:
    """Raises InvalidRequest where a sampler does not walk so many steps with the model at hand."""
    if not 1 <= steps <= most:
        raise InvalidRequest(
            say(
                "steps-between",
                "steps: {sampler} takes {least} to {most} with this model, not {given}.",
                sampler=name,
                least=1,
                most=most,
                given=steps,
            )
        )


_walks = KeptWalks()


def _laid_out(name: str, scheduler_config: Mapping[str, Any], steps: int, schedule: str) -> Any:
    """A scheduler of diffusers before its first step. Raises as `make_sampler` does."""
    recipe = _recipe(name, schedule, scheduler_config)
    options = recipe.options(scheduler_config, schedule)
    with warnings.catch_warnings():
        # numpy 2.4 deprecates how torch 2.13 hands it arrays, in diffusers' own code.
        warnings.filterwarnings("ignore", "__array", DeprecationWarning)
        scheduler = recipe.scheduler.from_config(dict(scheduler_config), **options)
        most = getattr(scheduler.config, "original_inference_steps", None)
        most = most or scheduler.config.num_train_timesteps - UNUSABLE_STEPS
        check_steps(name, steps, most)
        scheduler.set_timesteps(steps)
    if not scheduler.timesteps.isfinite().all():
        raise InvalidRequest(
            say(
                "schedule-too-short",
                "schedule: {sampler} cannot walk this model's noise in {steps} steps of it; another"
                " schedule or more steps would do.",
                sampler=name,
                steps=steps,
            )
        )
    if steps == 1 and _stands_still(scheduler):
        raise InvalidRequest(
            say(
                "steps-between",
                "steps: {sampler} takes {least} to {most} with this schedule, not {given}.",
                sampler=name,
                least=2,
                most=most,
                given=steps,
            )
        )
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


def _start(steps: int, strength: float) -> int:
    """How many steps are left out: those of diffusers' `get_timesteps`."""
    if strength <= 0:
        return steps
    return steps - min(max(int(steps * strength), 1), steps)


def _stands_still(scheduler: Any) -> bool:
    """Whether the last step goes nowhere, because the schedule's last two sigmas are the same."""
    sigmas: torch.Tensor | None = getattr(scheduler, "sigmas", None)
    return sigmas is not None and bool(sigmas[-2] == sigmas[-1] > 0)
