"""Models as their users have them, folders in diffusers' layout, with random weights.

What makes pictures of both sides alike: diffusers and we read the same files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.auto_model import AutoModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import (
    StableDiffusionXLPipeline,
)
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import AutoTokenizer

from benchmarks import ROOT
from benchmarks.gpu.made import networks
from tests.pretended import models

SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
"""As Stable Diffusion and SDXL have it."""


def save_model(family: str, folder: Path, dtype: torch.dtype, *, tiny: bool) -> Path:
    """A folder with a model of the family, at its real size or tiny; some seconds."""
    if tiny:
        return models.save(family, folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts = networks(family, device, dtype, None)
    assemble(family, parts).save_pretrained(folder)
    return folder


def assemble(family: str, parts: dict[str, Any]) -> Any:
    """Diffusers' pipeline of these networks, with a tokenizer that is at hand."""
    shipped = ROOT / "models" / "emoji" / "tokenizer"
    tokenizer: Any = AutoTokenizer.from_pretrained(shipped, model_max_length=77)
    scheduler = EulerDiscreteScheduler(**SCHEDULER)
    if family == "sdxl":
        tokenizers = {"tokenizer": tokenizer, "tokenizer_2": tokenizer}
        return StableDiffusionXLPipeline(**parts, **tokenizers, scheduler=scheduler)
    return StableDiffusionPipeline(
        **parts,
        tokenizer=tokenizer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )


DENOISER = ("unet", "transformer")
DECODER = ("vae",)
"""Parts of a pipeline, as they may be called."""


def one(
    part: tuple[str, ...],
    family: str,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    tiny: bool,
) -> Any:
    """One network of a family; a tiny one is read from the folder, where it is written first."""
    if not tiny:
        return next(iter(networks(family, device, dtype, None, part).values()))
    return read_part(models.save(family, folder), part, device, dtype)


def read_part(
    folder: Path, names: tuple[str, ...], device: torch.device, dtype: torch.dtype
) -> Any:
    """The first of these parts that a folder has."""
    name = next(each for each in names if (folder / each).is_dir())
    part: Any = AutoModel.from_pretrained(str(folder / name), torch_dtype=dtype)
    return part.eval().requires_grad_(False).to(device)
