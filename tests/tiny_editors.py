"""Random models of the real classes that edit pictures by words, in the diffusers layout."""

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_instruct_pix2pix import (
    StableDiffusionInstructPix2PixPipeline,
)
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from tests.tiny_models import BETAS, tiny_sd, tiny_unet


def save_tiny_pix2pix(folder: Path) -> Path:
    """InstructPix2Pix: a UNet of 8 channels. Multiples of 2 pixels, 16x16."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny_sd(
            tiny_unet(channels=8),
            EulerDiscreteScheduler(**BETAS),
            kind=StableDiffusionInstructPix2PixPipeline,
        ).save_pretrained(folder, safe_serialization=True)
    return folder


EDITORS: dict[str, Callable[[Path], Path]] = {"pix2pix": save_tiny_pix2pix}
"""By the names that the tests give them."""
