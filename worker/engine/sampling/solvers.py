"""Diffusers' schedulers, where its own would not do as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_deis_multistep import DEISMultistepScheduler
from diffusers.schedulers.scheduling_dpmsolver_sde import (
    BrownianTreeNoiseSampler,
    DPMSolverSDEScheduler,
)
from diffusers.schedulers.scheduling_ipndm import IPNDMScheduler
from diffusers.schedulers.scheduling_k_dpm_2_ancestral_discrete import (
    KDPM2AncestralDiscreteScheduler,
)
from diffusers.schedulers.scheduling_k_dpm_2_discrete import KDPM2DiscreteScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler

SMALLEST_SIGNAL = 2.0**-24
"""What diffusers puts for a terminal signal of zero, which could not be divided by."""

TREE_DIGITS = 6
"""Decimals to which diffusers lets torchsde's tree round its ends."""


@contextmanager
def float_sigmas(scheduler: Any) -> Iterator[None]:
    """The scheduler's sigmas are Python floats meanwhile."""
    sigmas = scheduler.sigmas
    scheduler.sigmas = sigmas.tolist()
    try:
        yield
    finally:
        scheduler.sigmas = sigmas


class FloatLMSDiscreteScheduler(LMSDiscreteScheduler):
    """LMS whose quadrature runs on Python floats: the same coefficients, 2.4 ms a step sooner.

    It also starts at order one wherever it starts. Diffusers goes by the place in the schedule,
    so image-to-image began with the coefficients of a fourth order whose history was not there.
    """

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        with float_sigmas(self):
            return super().get_lms_coefficient(order, t, current_order)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        order: int = 4,
        return_dict: bool = True,
    ) -> Any:
        scheduler, parent = cast(Any, self), cast(Any, super())
        order = min(order, len(scheduler.derivatives) + 1)
        return parent.step(model_output, timestep, sample, order, return_dict)


class FloatDEISMultistepScheduler(DEISMultistepScheduler):
    """DEIS whose integrals run on Python floats: numpy's own of a tensor is deprecated."""

    def multistep_deis_second_order_update(self, *args: Any, **options: Any) -> torch.Tensor:
        with float_sigmas(self):
            return super().multistep_deis_second_order_update(*args, **options)

    def multistep_deis_third_order_update(self, *args: Any, **options: Any) -> torch.Tensor:
        with float_sigmas(self):
            return super().multistep_deis_third_order_update(*args, **options)


class FlowDEISMultistepScheduler(FloatDEISMultistepScheduler):
    """DEIS along a flow, to the picture at its end.

    Diffusers' own never leaves its last level of noise: its last step goes from there to there.
    """

    def set_timesteps(
        self, num_inference_steps: int, device: Any = None, mu: float | None = None
    ) -> None:
        super().set_timesteps(num_inference_steps, device, mu)
        self.sigmas[-1] = 0

    def deis_first_order_update(self, *args: Any, **options: Any) -> torch.Tensor:
        if not self._is_last:
            return super().deis_first_order_update(*args, **options)
        [noise], sample = args, options["sample"]
        level = self.sigmas[self.step_index]
        return (sample - level * noise) / (1 - level)

    def multistep_deis_second_order_update(self, *args: Any, **options: Any) -> torch.Tensor:
        if self._is_last:
            return self.deis_first_order_update(args[0][-1], **options)
        return super().multistep_deis_second_order_update(*args, **options)

    def multistep_deis_third_order_update(self, *args: Any, **options: Any) -> torch.Tensor:
        if self._is_last:
            return self.deis_first_order_update(args[0][-1], **options)
        return super().multistep_deis_third_order_update(*args, **options)

    @property
    def _is_last(self) -> bool:
        return self.step_index == len(self.sigmas) - 2


class BrownianNoise:
    """Brownian increments (arXiv 2001.01328) drawn on the CPU, so equal on every device.

    The tree is made when it is first asked: a walk of one step has no interval to draw from.
    """

    def __init__(self, shape: torch.Size, lowest: float, highest: float, seed: int) -> None:
        self._shape = shape
        self._range = lowest, highest
        self._seed = seed
        self._tree: BrownianTreeNoiseSampler | None = None

    def __call__(self, sigma: float, sigma_next: float) -> torch.Tensor:
        if self._tree is None:
            self._tree = BrownianTreeNoiseSampler(
                torch.zeros(self._shape), *self._range, self._seed
            )
        return self._tree(cast(Any, self._within(sigma)), cast(Any, self._within(sigma_next)))

    def _within(self, sigma: float) -> torch.Tensor:
        """`sigma`, which a logarithm and back may have put outside the tree by its last bit."""
        lowest, highest = (round(end, TREE_DIGITS) for end in self._range)
        return torch.tensor(min(max(sigma, lowest), highest), dtype=torch.float64)


class QuickStart:
    """Before a scheduler that lays out all steps of training when it is made: up to 340 ms.

    Nobody walks them, and the other pictures of a batch would wait.
    """

    def set_timesteps(
        self,
        num_inference_steps: int,
        device: str | torch.device | None = None,
        num_train_timesteps: int | None = None,
    ) -> None:
        made = num_train_timesteps is None
        parent = cast(Any, super())
        parent.set_timesteps(num_inference_steps if made else 2, device, num_train_timesteps)


class QuickKDPM2DiscreteScheduler(QuickStart, KDPM2DiscreteScheduler):
    """DPM2 that is made in 2 ms."""


class QuickKDPM2AncestralDiscreteScheduler(QuickStart, KDPM2AncestralDiscreteScheduler):
    """DPM2 a that is made in 2 ms."""


class QuickDPMSolverSDEScheduler(QuickStart, DPMSolverSDEScheduler):
    """DPM++ SDE that is made in 2 ms."""


class DiscreteIPNDMScheduler(DDIMScheduler):
    """IPNDM (arXiv 2202.09778) on the timesteps that a Stable Diffusion model was trained on.

    Diffusers' IPNDM takes timesteps from 0 to 1, their noise on a sine, and a velocity. Its steps
    only ask how much noise there is at each, so here it is told that of DDIM's timesteps.
    """

    def set_timesteps(
        self, num_inference_steps: int, device: str | torch.device | None = None
    ) -> None:
        super().set_timesteps(num_inference_steps, cast(Any, device))
        self.timesteps = self.timesteps[self.timesteps >= 0]
        signal = torch.cat([self.alphas_cumprod[self.timesteps], self.final_alpha_cumprod.view(1)])
        signal = signal.clamp(min=SMALLEST_SIGNAL)
        noise = cast(Any, (1 - signal).sqrt().tolist())
        self._solver: Any = IPNDMScheduler(trained_betas=noise)
        self._solver.set_timesteps(len(self.timesteps))
        self._solver.alphas = signal.sqrt()
        self._solver.set_begin_index(0)

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start `begin_index` steps into the schedule."""
        self._solver.set_begin_index(begin_index)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int,
        sample: torch.Tensor,
        *_: Any,
        return_dict: bool = True,
        **options: Any,
    ) -> Any:
        signal = self.alphas_cumprod[timestep].clamp(min=SMALLEST_SIGNAL)
        root_signal, root_noise = signal.sqrt(), (1 - signal).sqrt()
        match cast(Any, self).config.prediction_type:
            case "epsilon":
                velocity = (model_output - root_noise * sample) / root_signal
            case "sample":
                velocity = (root_signal * sample - model_output) / root_noise
            case _:
                velocity = model_output
        # It adds up the last four, and would keep all of them.
        self._solver.ets = self._solver.ets[-3:]
        return self._solver.step(velocity, timestep, sample, return_dict)
