"""How diffusers' own pipeline of each family is asked for the picture that a job asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.auto_pipeline import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
)
from diffusers.pipelines.chroma.pipeline_chroma_img2img import ChromaImg2ImgPipeline
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from tests.engine.sampling.stock_schedulers import STOCK, stock_scheduler
from tests.tiny.pipelines.qwen_21 import tiny_qwen_21
from tests.worker.families.comparing.asking import Fields, Pixels
from tests.worker.families.comparing.begun import begun

LONGER = "a cat face, 3d, a green heart, a rocket, a birthday cake"

FLUX = "guidance_scale beside true_cfg_scale"
TOLD = "guidance_scale alone, which takes no second row"


@dataclass(frozen=True)
class Family:
    """How diffusers' own pipeline of a family is asked, and what the jobs ask for.

    A guidance scale above `off` takes a second row. `variants` are the pipelines of its own that
    start from a picture, by kind; None for those that diffusers finds itself, and where there are
    none its pipeline is begun in the middle (`begun.py`).
    """

    jobs: tuple[Fields, ...]
    off: float = 1.0
    scale: str = "guidance_scale"
    default: float = 4.5
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prepare: Callable[[Any, Fields], None] = lambda pipeline, asked: None
    variants: Mapping[str, Any] | None = None

    def rows(self, fields: Fields, forwards: int | None = None) -> int:
        """Rows that a job takes, in as many forwards as it has steps or as are said."""
        told = self.scale in (FLUX, TOLD)
        scale = fields.get("true_cfg_scale" if told else "guidance_scale")
        default = 1.0 if told else self.default
        guided = (default if scale is None else scale) > self.off
        return (1 + guided) * (forwards or fields["steps"])


def guided(off: float = 1.0, sampler: str = "unipc") -> tuple[Fields, ...]:
    """Jobs that come at once: other prompts, steps, guidance; the last one of another size."""
    return (
        {"steps": 12, "seed": 1, "negative_prompt": "blue"},
        {"steps": 8, "seed": 2, "negative_prompt": "", "prompt": LONGER, "guidance_scale": 3.0},
        {"steps": 10, "seed": 3, "negative_prompt": "", "guidance_scale": off},
        {"steps": 4, "seed": 4, "negative_prompt": "", "width": 64, "sampler": sampler},
    )


def told() -> tuple[Fields, ...]:
    """The same without a negative prompt."""
    return tuple(
        {name: value for name, value in fields.items() if name != "negative_prompt"}
        for fields in guided()
    )


def at_its_size(pipeline: Any, asked: Fields) -> None:
    """Diffusers' HiDream brings every picture to one area: this one's."""
    scale = pipeline.vae_scale_factor
    pipeline.default_sample_size = math.sqrt(asked["width"] * asked["height"] + 1) / scale


EXACT_SIZE = {"use_resolution_binning": False, "clean_caption": False}

FAMILIES: Mapping[str, Family] = {
    # Its pipeline of masks leaves the autoencoder's shift out where it decodes.
    "sd3": Family(guided(), default=7.0, variants={"image-to-image": AutoPipelineForImage2Image}),
    "flux": Family(
        (
            {"steps": 12, "seed": 1},
            {"steps": 8, "seed": 2, "prompt": LONGER, "guidance_scale": 2.0},
            {"steps": 10, "seed": 3, "true_cfg_scale": 3.0, "negative_prompt": "blue"},
            {"steps": 4, "seed": 4, "width": 64, "sampler": "unipc"},
        ),
        scale=FLUX,
        default=3.5,
    ),
    "qwen-image": Family(guided(), scale="true_cfg_scale", default=4.0),
    "qwen-image-21": Family(guided(), scale="true_cfg_scale", default=1.0, variants={}),
    # Its own pipeline hands UniPC a list, which it does not take.
    "z-image": Family(guided(off=0.0, sampler="euler"), off=0.0, default=5.0),
    "sana": Family(guided(), options=EXACT_SIZE, variants={}),
    "pixart-sigma": Family(guided(), options=EXACT_SIZE, variants={}),
    "lumina2": Family(guided(), default=4.0, variants={}),
    "flux2": Family(told(), scale=TOLD, default=4.0, variants={}),
    # It guides away from nothing that is said.
    "flux2-klein": Family(told(), default=4.0, variants={}),
    "chroma": Family(
        guided(),
        default=5.0,
        # Its pipeline of masks asks for an option that its transformer does not have.
        variants={"image-to-image": ChromaImg2ImgPipeline},
    ),
    "hidream": Family(guided(), default=5.0, prepare=at_its_size, variants={}),
    "kolors": Family(
        guided(), default=5.0, variants={"image-to-image": AutoPipelineForImage2Image}
    ),
}
"""Those that came after Stable Diffusion and SDXL, whose rows share forwards as theirs do."""

UNETS: Mapping[str, Family] = {
    "sd1": Family(guided(), default=7.5),
    "sdxl": Family(guided(), default=5.0),
}

VARIANTS: Mapping[str, Any] = {
    "image-to-image": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
}
"""What makes a pipeline of each kind that starts from a picture, of one that starts from words."""


def pipeline_of(folder: Path) -> Any:
    """Diffusers' own pipeline of a model."""
    load = (
        tiny_qwen_21
        if folder.name.startswith("qwen-image-21")
        else DiffusionPipeline.from_pretrained
    )
    return _quiet(load(folder))


def stock(family: Family, pipeline: Any, asked: Fields) -> Pixels:
    """Diffusers' own picture; of an inpainted one what lies outside the mask is the original's.

    A `generator` that has drawn already takes the place of a seed.
    """
    asked = dict(asked)
    kind, drawn_over = asked.pop("kind", "text-to-image"), asked.get("image") is not None
    variants = VARIANTS if family.variants is None else family.variants
    if kind in variants:
        pipeline = _quiet(variants[kind].from_pipe(pipeline))
    call = {
        **family.options,
        "generator": generator_of(asked),
        "num_inference_steps": asked["steps"],
        **({"mask_image": asked["mask"]} if "mask" in asked and kind in variants else {}),
    }
    if family.scale == "true_cfg_scale":
        # Without anything to guide away from it would not guide.
        call["negative_prompt"] = asked.pop("negative_prompt", "") or " "
    if not asked.get("negative_prompt"):
        # Nothing said; SDXL reads an empty one otherwise.
        asked.pop("negative_prompt", None)
    scale = "guidance_scale" if family.scale in (FLUX, TOLD) else family.scale
    call[scale] = asked.pop("guidance_scale", family.default)
    # What a pipeline does not take says what the picture does anyway: its own size.
    takes = inspect.signature(pipeline.__call__).parameters
    others = () if kind in variants else ("image",)
    others = (*others, "generator")
    call |= {name: value for name, value in asked.items() if name in takes and name not in others}
    family.prepare(pipeline, asked)
    own = pipeline.scheduler
    pipeline.scheduler = scheduler(asked.get("sampler"), own)
    try:
        if drawn_over and kind not in variants:
            drawn = begun(pipeline, asked, call, call["generator"])
        else:
            drawn = np.asarray(pipeline(**call).images[0])
        # Some say of each place how clear it is as well.
        drawn = drawn[..., :3]
    finally:
        pipeline.scheduler = own
    if "mask" not in asked:
        return drawn
    return np.where(np.asarray(asked["mask"])[..., None], drawn, np.asarray(asked["image"]))


def generator_of(asked: Fields) -> torch.Generator:
    """What draws the noise of a job."""
    return asked.get("generator") or torch.Generator().manual_seed(asked["seed"])


def scheduler(sampler: str | None, own: Any) -> Any:
    """The diffusers scheduler that a sampler is for a model with a scheduler of its `own`."""
    config = own.config
    if sampler is None or (sampler == "euler" and type(own).__name__.startswith("FlowMatch")):
        return own
    if type(own).__name__.startswith("FlowMatch") or config.get("use_flow_sigmas"):
        flow: Fields = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
        flow["flow_shift"] = config.get("shift", config.get("flow_shift"))
        return FLOWS[sampler].from_config(config, **flow)
    assert sampler in STOCK
    return stock_scheduler(sampler, "automatic", dict(config))


FLOWS: Mapping[str, Any] = {
    "unipc": UniPCMultistepScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}
"""Solvers that diffusers has for a flow as well."""


def _quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
