"""The samplers: which diffusers scheduler a name means, and one image's place in its schedule."""

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from .errors import InvalidRequest


class FloatLMSDiscreteScheduler(LMSDiscreteScheduler):
    """LMS whose quadrature runs on Python floats: the same coefficients, 2.4 ms a step sooner."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        scheduler = cast(Any, self)
        sigmas = scheduler.sigmas
        scheduler.sigmas = sigmas.tolist()
        try:
            return super().get_lms_coefficient(order, t, current_order)
        finally:
            scheduler.sigmas = sigmas


@dataclass(frozen=True)
class Recipe:
    """A diffusers scheduler class, and what it overrides in the model's own scheduler config."""

    scheduler: Any
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])


# With as many steps as training had, an offset of one and the extra interval of DPM++ and UniPC
# would each point past the last timestep.
UNUSABLE_STEPS = 2

# Latents are not bounded by 1 as pixels are, so the classes that would clip x0 by default must not.
UNCLIPPED = {"clip_sample": False}

SAMPLERS: Mapping[str, Recipe] = {
    # Without its Runge-Kutta start PNDM is PLMS, the sampler that Stable Diffusion was shown with.
    "pndm": Recipe(PNDMScheduler, {"skip_prk_steps": True}),
    "ddim": Recipe(DDIMScheduler, UNCLIPPED),
    "lms": Recipe(FloatLMSDiscreteScheduler),
    "euler": Recipe(EulerDiscreteScheduler),
    "euler_a": Recipe(EulerAncestralDiscreteScheduler),
    "dpmpp_2m": Recipe(DPMSolverMultistepScheduler),
    "dpmpp_2m_karras": Recipe(DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "unipc": Recipe(UniPCMultistepScheduler),
    "lcm": Recipe(LCMScheduler, UNCLIPPED),
}


class Sampler:
    """One image's walk through a noise schedule: a diffusers scheduler that nobody shares.

    Timesteps and sigmas stay on the CPU, so that no step waits for the device to read them.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._takes_generator = "generator" in inspect.signature(scheduler.step).parameters
        self._timesteps: list[torch.Tensor] = list(scheduler.timesteps)
        self.index = 0

    def __len__(self) -> int:
        """UNet forwards from noise to picture (PNDM takes one more than the steps asked for)."""
        return len(self._timesteps)

    @property
    def done(self) -> bool:
        return self.index == len(self)

    @property
    def initial_sigma(self) -> float:
        """Standard deviation of the noise that the schedule starts from."""
        return float(self._scheduler.init_noise_sigma)

    @property
    def timestep(self) -> float:
        """The timestep of the next forward, as the UNet takes it."""
        return float(self._timesteps[self.index])

    def scale(self, latents: torch.Tensor) -> torch.Tensor:
        """The UNet's input for `latents`: of unit variance, whatever the schedule's sigma is."""
        return self._scheduler.scale_model_input(latents, self._timesteps[self.index])

    def step(
        self, noise: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The latents after one denoising step; ancestral samplers draw from `generator`."""
        extra = {"generator": generator} if self._takes_generator else {}
        timestep = self._timesteps[self.index]
        after = self._scheduler.step(noise, timestep, latents, return_dict=False, **extra)[0]
        self.index += 1
        return after.to(latents.dtype)

    def denoised(self, scaled: torch.Tensor, noise: torch.Tensor, timestep: float) -> torch.Tensor:
        """The picture that a prediction points at: x0 of DDIM's equation 12 (arXiv 2010.02502).

        `scaled` and `noise` are the UNet's input and output at `timestep`.
        """
        signal = self._scheduler.alphas_cumprod[round(timestep)]
        root_signal, root_noise = signal.sqrt(), (1 - signal).sqrt()
        match self._scheduler.config.prediction_type:
            case "sample":
                return noise
            case "v_prediction":
                return root_signal * scaled - root_noise * noise
            case _:
                return (scaled - root_noise * noise) / root_signal


def make_sampler(name: str, scheduler_config: Mapping[str, Any], steps: int) -> Sampler:
    """A fresh sampler for one image.

    `scheduler_config` is the model's own (betas, prediction type, timestep spacing).
    Raises InvalidRequest for a name or a number of steps that it cannot take.
    """
    recipe = SAMPLERS.get(name)
    if recipe is None:
        raise InvalidRequest(f"sampler: {name!r} is unknown; there are {', '.join(SAMPLERS)}.")
    with warnings.catch_warnings():
        # numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own code.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        scheduler = recipe.scheduler.from_config(dict(scheduler_config), **recipe.overrides)
        # LCM walks a subset of the steps that its model was distilled on.
        most = getattr(scheduler.config, "original_inference_steps", None)
        most = most or scheduler.config.num_train_timesteps - UNUSABLE_STEPS
        if not 1 <= steps <= most:
            raise InvalidRequest(f"steps: {name} takes 1 to {most} with this model, not {steps}.")
        scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        # Otherwise the first step looks its timestep up, and of two equal ones takes the second.
        scheduler.set_begin_index(0)
    return Sampler(scheduler)
