"""Pictures of prompts that change or are several, made with diffusers and a few lines of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForImage2Image
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import (
    StableDiffusion3Pipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

Pixels = np.ndarray[Any, Any]
Words = Callable[[int], str]
"""A prompt at each forward, counted from 0."""


def edited(folder: Path, words: Words, against: Words, lora: Any = None, **asked: Any) -> Pixels:
    """A picture of stock diffusers, whose own callback changes the embeddings after each step.

    `lora` are the weights of the one that lies beside the model, by the part that it changes."""
    family: Any = StableDiffusion3Pipeline if folder.name == "sd3" else StableDiffusionPipeline
    pipeline = _quiet(family.from_pretrained(folder, dtype=torch.float32))
    if folder.name != "sd3":
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    if lora is not None:
        pipeline.load_lora_weights(folder.parent, weight_name="ink.safetensors", adapter_name="ink")
        pipeline.set_adapters(["ink"], [lora])
    if "image" in asked:
        pipeline = _quiet(AutoPipelineForImage2Image.from_pipe(pipeline))
    names = ["prompt_embeds"]
    if folder.name == "sd3":
        names.append("pooled_prompt_embeds")

    def turned(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        rows = _read(pipeline, words(step + 1), against(step + 1))
        return dict(zip(names, rows, strict=True))

    return pipeline(
        prompt=words(0),
        negative_prompt=against(0),
        callback_on_step_end=turned,
        callback_on_step_end_tensor_inputs=names,
        **{"output_type": "np"} | asked,
    ).images[0]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joined(
    folder: Path,
    parts: Sequence[tuple[str, float]],
    negative: str,
    *,
    steps: int,
    scale: float,
    seed: int,
    size: int,
) -> Pixels:
    """A picture of several prompts, each as far from the row without them as it weighs."""
    pipeline = _quiet(StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32))
    scheduler: Any = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    scheduler.set_timesteps(steps)
    texts = torch.cat([_words(pipeline, text) for text in (negative, *(t for t, _ in parts))])
    side = size // pipeline.vae_scale_factor
    channels = pipeline.unet.config.in_channels
    latents = torch.randn((1, channels, side, side), generator=seeded(seed))
    with torch.inference_mode():
        for timestep in scheduler.timesteps:
            rows = torch.cat([latents] * len(texts))
            without, *each = pipeline.unet(rows, timestep, texts).sample
            noise = without + sum(
                scale * weight * (row - without)
                for row, (_, weight) in zip(each, parts, strict=True)
            )
            latents = scheduler.step(noise[None], timestep, latents).prev_sample
        decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return pipeline.image_processor.postprocess(decoded, output_type="np")[0]


def levels(picture: Pixels) -> Pixels:
    """Of a picture from 0 to 1."""
    return (picture * 255).round().astype(np.uint8)


def _read(pipeline: Any, prompt: str, negative: str) -> list[torch.Tensor]:
    """Embeddings of both, the negative ones first, as pipelines keep them."""
    if isinstance(pipeline, StableDiffusionPipeline) or not hasattr(pipeline, "tokenizer_3"):
        return [torch.cat([_words(pipeline, negative), _words(pipeline, prompt)])]
    words, against, whole, none = pipeline.encode_prompt(
        prompt, prompt, prompt, negative_prompt=negative, device=torch.device("cpu")
    )
    return [torch.cat([against, words]), torch.cat([none, whole])]


def _words(pipeline: Any, text: str) -> torch.Tensor:
    return pipeline.encode_prompt(text, torch.device("cpu"), 1, False)[0]


def _quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
