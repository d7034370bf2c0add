"""The samplers in one table: which diffusers scheduler a name means, and its schedules."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_dpmsolver_singlestep import DPMSolverSinglestepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.schedulers.scheduling_flow_match_heun_discrete import FlowMatchHeunDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_lcm import FlowMatchLCMScheduler
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from diffusers.schedulers.scheduling_sasolver import SASolverScheduler
from diffusers.schedulers.scheduling_tcd import TCDScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from worker.engine.sampling.solvers import (
    SMALLEST_SIGNAL,
    DiscreteIPNDMScheduler,
    FloatDEISMultistepScheduler,
    FloatLMSDiscreteScheduler,
    FlowDEISMultistepScheduler,
    QuickDPMSolverSDEScheduler,
    QuickKDPM2AncestralDiscreteScheduler,
    QuickKDPM2DiscreteScheduler,
)

AUTOMATIC = "automatic"

SIGMAS: Mapping[str, str] = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
}
"""Schedules that choose the noise levels themselves, and the option that says so."""

SPACINGS: Mapping[str, str] = {
    "sgm_uniform": "trailing",
    "simple": "trailing",
    "uniform": "linspace",
    "normal": "linspace",
    "ddim": "leading",
}
"""Schedules that choose among the training's timesteps, and diffusers' word for how."""

EVERY = (AUTOMATIC, *SIGMAS, *SPACINGS)
SPACED = (AUTOMATIC, *SPACINGS)
LEADING = (AUTOMATIC, "ddim")
EVEN = (AUTOMATIC, *SIGMAS, "uniform", "normal")


@dataclass(frozen=True)
class FlowForm:
    """The diffusers class of a sampler for models that predict a flow, and what it overrides."""

    scheduler: Any
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Recipe:
    """A diffusers scheduler class, and what it overrides in the model's own scheduler config.

    `automatic` is the schedule that "automatic" means: itself, where that is the model's own.
    `flow` is the sampler's form for flow matching, where it has one (`sampling/flow.py`).
    """

    scheduler: Any
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    automatic: str = AUTOMATIC
    schedules: tuple[str, ...] = EVERY
    predicts_sample: bool = True
    flow: FlowForm | None = None

    def options(self, config: Mapping[str, Any], schedule: str = AUTOMATIC) -> dict[str, Any]:
        """What the scheduler is made with, beside the model's own `config`."""
        options = {"thresholding": False, **self.overrides}
        schedule = self.automatic if schedule == AUTOMATIC else schedule
        if schedule != AUTOMATIC:
            options |= {option: name == schedule for name, option in SIGMAS.items()}
            # Karras needs both ends alone; the others would begin where a coarser spacing does.
            if schedule != "karras":
                options["timestep_spacing"] = SPACINGS.get(schedule, "linspace")
        known = inspect.signature(self.scheduler.__init__).parameters
        if config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in known:
            options["trained_betas"] = _zero_terminal_snr(config)
        return {name: value for name, value in options.items() if name in known}


# With as many steps as training had, an offset of one and the extra interval of DPM++ and UniPC
# would each point past the last timestep.
UNUSABLE_STEPS = 2

# Latents are not bounded by 1 as pixels are, so the classes that would clip x0 by default must not;
# nor may a model's own config have them do so (`thresholding`): a step only adds up multiples.
UNCLIPPED = {"clip_sample": False}

# A model's own config may be that of another DPM++, which would make them all the same.
DPMPP = {"algorithm_type": "dpmsolver++", "solver_type": "midpoint", "solver_order": 2}
DPMPP_SDE = {**DPMPP, "algorithm_type": "sde-dpmsolver++"}
HEUN = {"solver_type": "heun"}
THIRD = {"solver_order": 3}

# Any number of steps, the odd ones too, needs a last step of order one.
ANY_NUMBER = {"lower_order_final": True}

DEIS = {"algorithm_type": "deis", "solver_type": "logrho"}

FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}

SAMPLERS: Mapping[str, Recipe] = {
    "dpmpp_2m": Recipe(
        DPMSolverMultistepScheduler,
        DPMPP,
        "karras",
        flow=FlowForm(DPMSolverMultistepScheduler, DPMPP | FLOW),
    ),
    "dpmpp_sde": Recipe(QuickDPMSolverSDEScheduler, {}, "karras", predicts_sample=False),
    "dpmpp_2m_sde": Recipe(
        DPMSolverMultistepScheduler,
        DPMPP_SDE,
        "exponential",
        flow=FlowForm(DPMSolverMultistepScheduler, DPMPP_SDE | FLOW),
    ),
    "dpmpp_2m_sde_heun": Recipe(
        DPMSolverMultistepScheduler,
        DPMPP_SDE | HEUN,
        "exponential",
        flow=FlowForm(DPMSolverMultistepScheduler, DPMPP_SDE | HEUN | FLOW),
    ),
    "dpmpp_2s_a": Recipe(
        DPMSolverSinglestepScheduler,
        DPMPP | ANY_NUMBER,
        "karras",
        EVEN,
        flow=FlowForm(DPMSolverSinglestepScheduler, DPMPP | ANY_NUMBER | FLOW),
    ),
    "dpmpp_3m_sde": Recipe(
        DPMSolverMultistepScheduler,
        DPMPP_SDE | THIRD,
        "exponential",
        flow=FlowForm(DPMSolverMultistepScheduler, DPMPP_SDE | THIRD | FLOW),
    ),
    "euler_a": Recipe(EulerAncestralDiscreteScheduler, schedules=SPACED, predicts_sample=False),
    "euler": Recipe(EulerDiscreteScheduler, flow=FlowForm(FlowMatchEulerDiscreteScheduler)),
    "lms": Recipe(FloatLMSDiscreteScheduler),
    "heun": Recipe(HeunDiscreteScheduler, UNCLIPPED, flow=FlowForm(FlowMatchHeunDiscreteScheduler)),
    "dpm2": Recipe(QuickKDPM2DiscreteScheduler, {}, "karras", predicts_sample=False),
    "dpm2_a": Recipe(QuickKDPM2AncestralDiscreteScheduler, {}, "karras", predicts_sample=False),
    "ddim": Recipe(DDIMScheduler, UNCLIPPED, schedules=SPACED),
    # Without its Runge-Kutta start PNDM is PLMS, the sampler that Stable Diffusion was shown with.
    # Its steps are all of one length and end where leading ones do.
    "pndm": Recipe(
        PNDMScheduler, {"skip_prk_steps": True}, schedules=LEADING, predicts_sample=False
    ),
    "unipc": Recipe(UniPCMultistepScheduler, flow=FlowForm(UniPCMultistepScheduler, FLOW)),
    # LCM and TCD walk a subset of the steps that their models were distilled on.
    "lcm": Recipe(
        LCMScheduler, UNCLIPPED, schedules=(AUTOMATIC,), flow=FlowForm(FlowMatchLCMScheduler)
    ),
    "tcd": Recipe(TCDScheduler, UNCLIPPED, schedules=(AUTOMATIC,)),
    "ipndm": Recipe(DiscreteIPNDMScheduler, UNCLIPPED, schedules=SPACED),
    "deis": Recipe(
        FloatDEISMultistepScheduler, DEIS, flow=FlowForm(FlowDEISMultistepScheduler, DEIS | FLOW)
    ),
    "ddpm": Recipe(DDPMScheduler, UNCLIPPED, schedules=SPACED),
    # A model's own config may name an algorithm of DPM++, which this class has not.
    "sa_solver": Recipe(SASolverScheduler, {"algorithm_type": "data_prediction"}),
}


def _zero_terminal_snr(config: Mapping[str, Any]) -> list[float]:
    """The betas of a zero terminal signal (arXiv 2305.08891), for classes that cannot make them."""
    scheduler: Any = DDIMScheduler.from_config(dict(config))
    signals: torch.Tensor = scheduler.alphas_cumprod.double().clamp(min=SMALLEST_SIGNAL)
    before = torch.cat([torch.ones(1, dtype=torch.float64), signals[:-1]])
    return cast("list[float]", (1 - signals / before).tolist())
