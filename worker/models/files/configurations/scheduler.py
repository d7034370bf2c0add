"""A model's noise: its scheduler's configuration, and the sampler and schedule that it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.request.samplers import AUTOMATIC, SAMPLERS
from worker.models.files.configurations.claims import Claims

Defaults = dict[str, str | int | float]

EULER, EULER_A, LCM = (
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "LCMScheduler",
)

DISTILLED = {"lcm": LCM, "dmd": LCM, "turbo": EULER_A, "lightning": EULER, "hyper": EULER}
"""The scheduler that each way of distilling was made for, all from the very last timestep."""

CLASSES = {
    "PNDMScheduler": "pndm",
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ddpm",
    "LMSDiscreteScheduler": "lms",
    EULER: "euler",
    EULER_A: "euler_a",
    "HeunDiscreteScheduler": "heun",
    "DPMSolverMultistepScheduler": "dpmpp_2m",
    "DPMSolverSinglestepScheduler": "dpmpp_2s_a",
    "KDPM2DiscreteScheduler": "dpm2",
    "KDPM2AncestralDiscreteScheduler": "dpm2_a",
    "UniPCMultistepScheduler": "unipc",
    "DEISMultistepScheduler": "deis",
    LCM: "lcm",
    "TCDScheduler": "tcd",
}
"""The sampler that a diffusers class is; one that is not here leaves the choice to Darkroom."""

SDE = {"sde-dpmsolver++": "dpmpp_2m_sde"}
"""What else DPMSolverMultistepScheduler is, by its algorithm_type."""

SIGMAS = {
    "use_karras_sigmas": "karras",
    "use_exponential_sigmas": "exponential",
    "use_beta_sigmas": "beta",
}
SPACINGS = {"trailing": "sgm_uniform", "linspace": "uniform", "leading": "ddim"}


def scheduler_config(own: Mapping[str, Any], claims: Claims) -> dict[str, Any]:
    """A model's scheduler_config.json, changed to what its weights say of themselves."""
    config = dict(own)
    if claims.prediction is not None:
        config["prediction_type"] = claims.prediction
    if claims.zero_snr is not None:
        config["rescale_betas_zero_snr"] = claims.zero_snr
        if claims.zero_snr:
            # The walk has to begin where the noise is all there is (arXiv 2305.08891).
            config["timestep_spacing"] = "trailing"
    if claims.distilled is not None:
        config |= {
            "_class_name": DISTILLED[claims.distilled.how],
            "timestep_spacing": "trailing",
        }
    return config


def sampler_of(config: Mapping[str, Any]) -> Defaults:
    """The sampler and schedule that a scheduler_config.json means; nothing for one unknown."""
    sampler = CLASSES.get(str(config.get("_class_name")))
    if sampler is None:
        return {}
    if sampler == "dpmpp_2m":
        sampler = SDE.get(str(config.get("algorithm_type")), sampler)
    return {"sampler": sampler, "schedule": _schedule(sampler, config)}


def _schedule(sampler: str, config: Mapping[str, Any]) -> str:
    known = SAMPLERS[sampler]
    named = next((name for option, name in SIGMAS.items() if config.get(option)), None)
    if named is None and known.automatic != AUTOMATIC:
        # By itself this sampler would take another schedule than the model's.
        named = SPACINGS.get(str(config.get("timestep_spacing")), "uniform")
        return named if named in known.schedules else "uniform"
    return named if named in known.schedules else AUTOMATIC
