"""Pictures made with diffusers' parts and a few lines of torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from tests.worker.families.comparing.asking import Fields

Pixels = np.ndarray[Any, Any]
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From the latents and the timestep to what is predicted."""

USUAL: Fields = {
    "model": "sd1",
    "prompt": "a red apple",
    "negative_prompt": "blue",
    "width": 32,
    "height": 32,
    "steps": 6,
    "sampler": "ddim",
    "guidance_scale": 5.0,
    "seed": 4,
}
"""Of most pictures here."""


def pipeline_of(folder: Path) -> Any:
    """Diffusers' own pipeline of a model; of Stable Diffusion 1 with DDIM."""
    pipeline = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    if folder.name == "sd1":
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    return pipeline


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words(pipeline: Any, text: str) -> torch.Tensor:
    """The embedding of a text (1, window, width)."""
    return pipeline.encode_prompt(text, torch.device("cpu"), 1, False)[0]


def walked(
    pipeline: Any, predict: Predict, *, steps: int, seed: int, size: tuple[int, int]
) -> Pixels:
    """A picture by a walk from a seed's noise; `size` is its width and height."""
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(steps)
    across, down = (side // pipeline.vae_scale_factor for side in size)
    channels = pipeline.vae.config.latent_channels
    latents = torch.randn((1, channels, down, across), generator=seeded(seed))
    with torch.inference_mode():
        for timestep in scheduler.timesteps:
            latents = scheduler.step(predict(latents, timestep), timestep, latents).prev_sample
        return decoded(pipeline, latents)


def decoded(pipeline: Any, latents: torch.Tensor) -> Pixels:
    """The picture of latents, in levels."""
    config = pipeline.vae.config
    shifted = latents / config.scaling_factor + (config.shift_factor or 0)
    made = pipeline.vae.decode(shifted).sample
    picture = pipeline.image_processor.postprocess(made, output_type="np")[0]
    return (picture * 255).round().astype(np.uint8)
