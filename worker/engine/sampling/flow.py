"""The samplers of flow matching (arXiv 2210.02747): straight from noise to the picture."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.schedulers.scheduling_flow_match_heun_discrete import FlowMatchHeunDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_lcm import FlowMatchLCMScheduler

from worker.engine.errors import InvalidRequest
from worker.engine.sampling.recipes import AUTOMATIC, SAMPLERS, SIGMAS, FlowForm
from worker.engine.sampling.sampler import Sampler, check_steps
from worker.engine.sampling.solvers import FlowDEISMultistepScheduler
from worker.engine.sampling.walk import KeptWalks, Walk, written

LINEAR_QUADRATIC = "linear_quadratic"

FLOW_SCHEDULES = (AUTOMATIC, *SIGMAS, LINEAR_QUADRATIC)
"""The schedules that a flow-matching model takes, whatever the sampler."""

SHORT_OF_ONE = 1e-6
"""Solvers that go by the logarithm of the signal begin with as much of it, as diffusers' UniPC."""

DEIS_SHORT_OF_ONE = 1e-3
"""As diffusers' DEIS begins: it divides by the signal, and what is left of it is rounded."""

THRESHOLD = 0.025
"""How much of the noise the linear half of a linear-quadratic walk takes away, as diffusers' Mochi
and ComfyUI have it."""


@dataclass(frozen=True)
class Course:
    """How a model's own pipeline lays out a walk of `steps`: what it hands to `set_timesteps`.

    `sigmas` are the noise levels before any shift, where it names them itself, with `for_all` to
    every scheduler that takes them; `mu` is the shift by the size of the picture, where the model
    has one.
    """

    steps: int
    sigmas: Sequence[float] | None = None
    mu: float | None = None
    for_all: bool = True


class FlowSampler(Sampler):
    """A walk along straight lines, on which latents are `(1 - sigma) * picture + sigma * noise`."""

    @property
    def initial_sigma(self) -> float:
        return 1.0

    @property
    def betas(self) -> list[float] | None:
        return None

    def levels(self, timestep: float) -> tuple[float, float]:
        sigma = self.sigma(timestep)
        return 1 - sigma, sigma

    def sigma(self, timestep: float) -> float:
        return timestep / self._scheduler.config.num_train_timesteps

    def denoised(
        self, scaled: torch.Tensor, prediction: torch.Tensor, timestep: float
    ) -> torch.Tensor:
        return scaled - timestep / self._scheduler.config.num_train_timesteps * prediction


def make_flow_sampler(
    name: str,
    scheduler_config: Mapping[str, Any],
    course: Course,
    *,
    schedule: str = AUTOMATIC,
    strength: float = 1.0,
) -> FlowSampler:
    """A fresh sampler for one image of a flow-matching model.

    `scheduler_config` is the model's own. By the schedule "automatic" each sampler walks as
    diffusers' class of it does; by any other they walk the same noise levels. With a `strength`
    below 1 the walk leaves out its first steps, as many as diffusers' image-to-image does; 0 takes
    none. Raises InvalidRequest for what it cannot take.
    """
    recipe = SAMPLERS.get(name)
    form = recipe.flow if recipe else None
    if form is None:
        there_are = ", ".join(each for each in SAMPLERS if SAMPLERS[each].flow)
        raise InvalidRequest(
            f"sampler: {name!r} is none for a flow-matching model; there are {there_are}."
        )
    if schedule not in FLOW_SCHEDULES:
        takes = ", ".join(FLOW_SCHEDULES)
        raise InvalidRequest(
            f"schedule: a flow-matching model does not take {schedule!r}; it takes {takes}."
        )
    steps, most = course.steps, int(scheduler_config.get("num_train_timesteps", 1000))
    check_steps(name, steps, most)
    start = left_out(steps, strength)
    key = name, written(scheduler_config), written(asdict(course)), schedule, start
    return FlowSampler(
        _walks.get(key, lambda: _walk_of(form, scheduler_config, course, schedule, start))
    )


_walks = KeptWalks()


def _walk_of(
    form: FlowForm, config: Mapping[str, Any], course: Course, schedule: str, start: int
) -> Walk:
    with warnings.catch_warnings():
        # numpy 2.4 deprecates how torch 2.13 hands it arrays, in diffusers' own code.
        warnings.filterwarnings("ignore", "__array", DeprecationWarning)
        return Walk(_laid_out(form, config, course, schedule), start, levels=_levels)


def _levels(scheduler: Any, step: int, timestep: torch.Tensor) -> tuple[float, float]:
    sigma = float(scheduler.sigmas[step])
    return 1.0 - sigma, sigma


def _laid_out(form: FlowForm, config: Mapping[str, Any], course: Course, schedule: str) -> Any:
    """A scheduler of this form with the noise levels of its walk chosen."""
    if course.steps == 1:
        # A walk is stretched until its last level is this one. That of one step is its first, and
        # diffusers' schedulers divide by what it is short of all noise: by nothing.
        config = {**config, "shift_terminal": None}
    euler = _euler(config, course, schedule)
    if form.scheduler is type(euler):
        return euler
    known = inspect.signature(form.scheduler.__init__).parameters.keys() - {*SIGMAS.values()}
    options = {**config, "flow_shift": _shift(config), "thresholding": False, **form.overrides}
    scheduler = form.scheduler(**{key: options[key] for key in known & options.keys()})
    dynamic = bool(getattr(scheduler.config, "use_dynamic_shifting", False))
    walk: dict[str, Any] = {"mu": course.mu} if dynamic else {}
    if course.for_all and "sigmas" in inspect.signature(scheduler.set_timesteps).parameters:
        walk["sigmas"] = None if course.sigmas is None else np.array(course.sigmas)
    scheduler.set_timesteps(course.steps, **walk)
    # Diffusers' Heun knows no shift by size, and no solver another schedule of a flow.
    heun = isinstance(scheduler, FlowMatchHeunDiscreteScheduler)
    if schedule != AUTOMATIC or (heun and course.mu is not None):
        _walk(scheduler, euler.sigmas[:-1])
    return scheduler


def _euler(config: Mapping[str, Any], course: Course, schedule: str) -> Any:
    """Diffusers' flow-matching Euler with these noise levels, or with the model's own."""
    kind: Any = FlowMatchEulerDiscreteScheduler
    chosen = {option: name == schedule for name, option in SIGMAS.items()}
    own = {**config, "shift": _shift(config)}
    euler = kind.from_config(own | (chosen if schedule != AUTOMATIC else {}))
    known: dict[str, Any] = {"mu": course.mu} if euler.config.use_dynamic_shifting else {}
    if course.sigmas is not None:
        known["sigmas"] = list(course.sigmas)
    euler.set_timesteps(course.steps, **known)
    if schedule == LINEAR_QUADRATIC:
        _walk(euler, torch.tensor(linear_quadratic(course.steps)))
    return euler


def linear_quadratic(steps: int) -> list[float]:
    """Noise levels that fall evenly in the first half of the steps, and ever faster in the other:
    those that LTX-Video and Mochi are drawn by, whatever a model's own shift is."""
    even = steps // 2
    if not even:
        return [1.0]
    slope = THRESHOLD / even
    rest = steps - even
    # Of the curve that goes on from there with the same slope, and ends at the picture.
    bend = (1 - THRESHOLD - slope * rest) / rest**2
    taken = [slope * step for step in range(even)]
    taken += [THRESHOLD + slope * step + bend * step**2 for step in range(rest)]
    return [1 - each for each in taken]


def _shift(config: Mapping[str, Any]) -> float:
    """The fixed shift, by either of the names that diffusers' schedulers have for it."""
    return config.get("shift", config.get("flow_shift", 1.0))


FROM_ALL_NOISE = (FlowMatchEulerDiscreteScheduler, FlowMatchLCMScheduler)
"""What begins where there is no signal at all."""


def _walk(scheduler: Any, levels: torch.Tensor) -> None:
    """Has a scheduler, whose timesteps are set, walk these noise levels to zero."""
    timesteps = levels * scheduler.config.num_train_timesteps
    if isinstance(scheduler, FlowMatchHeunDiscreteScheduler):
        # Two forwards a step, at both of its ends, but one for the last.
        timesteps = torch.cat([timesteps[:1], timesteps[1:].repeat_interleave(2)])
        levels = torch.cat([levels[:1], levels[1:].repeat_interleave(2)])
    elif not isinstance(scheduler, FROM_ALL_NOISE):
        deis = isinstance(scheduler, FlowDEISMultistepScheduler)
        levels = levels.clamp(max=1 - (DEIS_SHORT_OF_ONE if deis else SHORT_OF_ONE))
    scheduler.timesteps = timesteps
    scheduler.sigmas = torch.cat([levels, levels.new_zeros(1)])


def left_out(steps: int, strength: float) -> int:
    """How many steps are left out: those of `get_timesteps` in diffusers' flow-matching pipelines,
    which round the other way than Stable Diffusion's."""
    if strength <= 0:
        return steps
    return min(int(max(steps - min(steps * strength, steps), 0)), steps - 1)
