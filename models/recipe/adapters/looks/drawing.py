"""Pictures with an adapter and without it, drawn by stock diffusers from what was exported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    DPMSolverMultistepScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from ...diffusion import NOISE
from ...sampling import GUIDANCE, STEPS
from ..reference import ENCODER, FILE
from ..style import FILE as LORA

Draw = Callable[..., torch.Tensor]


def drawer(kind: str | None, base: Path, folder: Path) -> Draw:
    """`draw(prompts, shown, seed)`: pictures, uint8 [B, 3, S, S], by the adapter of this kind in
    `folder`, or by the model alone. Row i starts from the noise of seed + i."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(base, dtype=torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler(**NOISE)
    told: dict[str | None, Callable[[list[Any]], dict[str, Any]]] = {
        "edges": lambda shown: {"image": shown},
        "reference": lambda shown: {"ip_adapter_image_embeds": read(pipeline, shown)},
    }
    if kind == "style":
        pipeline.load_lora_weights(folder, weight_name=LORA)
    if kind == "edges":
        net = ControlNetModel.from_pretrained(folder, dtype=torch.float32)
        pipeline = StableDiffusionControlNetPipeline(
            **pipeline.components, controlnet=net, requires_safety_checker=False
        )
    if kind == "reference":
        pipeline.load_ip_adapter(
            folder, subfolder="", weight_name=FILE, image_encoder_folder=ENCODER
        )
    pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def draw(prompts: list[str], shown: list[Any], seed: int) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed + row) for row in range(len(prompts))]
        # References of a batch are all shown to each picture of it.
        at_once = 1 if kind == "reference" else len(prompts)
        made: list[Image.Image] = []
        for first in range(0, len(prompts), at_once):
            these = slice(first, first + at_once)
            made += pipeline(
                prompts[these],
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=generators[these],
                **(told[kind](shown[these]) if kind in told else {}),
            ).images
        return torch.from_numpy(np.stack([np.asarray(each) for each in made])).permute(0, 3, 1, 2)

    return draw


def read(pipeline: Any, shown: list[Image.Image]) -> list[torch.Tensor]:
    """What the image encoder says of pictures, and of none: one row each, as pipelines take it."""
    seen = pipeline.feature_extractor(shown, return_tensors="pt").pixel_values
    vectors = pipeline.image_encoder(seen).image_embeds[:, None]
    return [torch.cat([torch.zeros_like(vectors), vectors])]
