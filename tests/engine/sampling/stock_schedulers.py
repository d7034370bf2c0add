"""What each sampler and schedule is in stock diffusers, written down apart from the engine's."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diffusers

from worker.engine.sampling.solvers import DiscreteIPNDMScheduler

KARRAS = {"use_karras_sigmas": True}
EXPONENTIAL = {"use_exponential_sigmas": True, "timestep_spacing": "linspace"}
SDE = {"algorithm_type": "sde-dpmsolver++"}
NO_CLIP = {"clip_sample": False}

STOCK: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}, KARRAS),
    "dpmpp_sde": (diffusers.DPMSolverSDEScheduler, {}, KARRAS),
    "dpmpp_2m_sde": (diffusers.DPMSolverMultistepScheduler, SDE, EXPONENTIAL),
    "dpmpp_2m_sde_heun": (
        diffusers.DPMSolverMultistepScheduler,
        {**SDE, "solver_type": "heun"},
        EXPONENTIAL,
    ),
    "dpmpp_2s_a": (diffusers.DPMSolverSinglestepScheduler, {"lower_order_final": True}, KARRAS),
    "dpmpp_3m_sde": (
        diffusers.DPMSolverMultistepScheduler,
        {**SDE, "solver_order": 3},
        EXPONENTIAL,
    ),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}, {}),
    "lms": (diffusers.LMSDiscreteScheduler, {}, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}, {}),
    "dpm2": (diffusers.KDPM2DiscreteScheduler, {}, KARRAS),
    "dpm2_a": (diffusers.KDPM2AncestralDiscreteScheduler, {}, KARRAS),
    "ddim": (diffusers.DDIMScheduler, NO_CLIP, {}),
    "pndm": (diffusers.PNDMScheduler, {"skip_prk_steps": True}, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}, {}),
    "lcm": (diffusers.LCMScheduler, NO_CLIP, {}),
    "tcd": (diffusers.TCDScheduler, {}, {}),
    # Diffusers' own takes timesteps from 0 to 1; a test of its own compares the steps.
    "ipndm": (DiscreteIPNDMScheduler, {}, {}),
    "deis": (diffusers.DEISMultistepScheduler, {}, {}),
    "ddpm": (diffusers.DDPMScheduler, NO_CLIP, {}),
    "sa_solver": (diffusers.SASolverScheduler, {}, {}),
}
"""Diffusers' class, its options, and those of the schedule that "automatic" means."""

FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}

STOCK_FLOW: dict[str, tuple[Any, dict[str, Any]]] = {
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, FLOW),
    "dpmpp_2m_sde": (diffusers.DPMSolverMultistepScheduler, {**SDE, **FLOW}),
    "dpmpp_2m_sde_heun": (
        diffusers.DPMSolverMultistepScheduler,
        {**SDE, **FLOW, "solver_type": "heun"},
    ),
    "dpmpp_2s_a": (diffusers.DPMSolverSinglestepScheduler, {**FLOW, "lower_order_final": True}),
    "dpmpp_3m_sde": (diffusers.DPMSolverMultistepScheduler, {**SDE, **FLOW, "solver_order": 3}),
    "euler": (diffusers.FlowMatchEulerDiscreteScheduler, {}),
    "heun": (diffusers.FlowMatchHeunDiscreteScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, FLOW),
    "lcm": (diffusers.FlowMatchLCMScheduler, {}),
    "deis": (diffusers.DEISMultistepScheduler, FLOW),
}
"""Diffusers' class of each that has a form for flow matching, and its options."""

SCHEDULES: dict[str, dict[str, Any]] = {
    "karras": KARRAS,
    "exponential": EXPONENTIAL,
    "beta": {"use_beta_sigmas": True, "timestep_spacing": "linspace"},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "simple": {"timestep_spacing": "trailing"},
    "uniform": {"timestep_spacing": "linspace"},
    "normal": {"timestep_spacing": "linspace"},
    "ddim": {"timestep_spacing": "leading"},
}


@contextmanager
def quiet() -> Iterator[None]:
    """Diffusers hands numpy tensors, and torchsde times outside its tree by their last bit."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array", DeprecationWarning)
        warnings.filterwarnings("ignore", "Should have t", UserWarning)
        yield


def stock_scheduler(name: str, schedule: str, config: dict[str, Any], **more: Any) -> Any:
    scheduler_class, options, automatic = STOCK[name]
    options = {**options, **(automatic if schedule == "automatic" else SCHEDULES[schedule])}
    if name == "dpmpp_sde":
        options["noise_sampler_seed"] = more.pop("seed", 0)
    more.pop("seed", None)
    with quiet():
        return scheduler_class.from_config(config, **options, **more)


def stock_flow(name: str, config: dict[str, Any]) -> Any:
    """The scheduler that diffusers' own pipelines would be given instead of their Euler."""
    kind, options = STOCK_FLOW[name]
    with quiet():
        return kind.from_config({**config, "flow_shift": config["shift"], **options})
