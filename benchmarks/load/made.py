"""What a mix needs beside the model that ships, made in the run: LoRAs, models of other families.

The models are of the real classes with random weights, about as large as the one that ships and for
pictures of its size, so that none of them is what is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from benchmarks import ROOT
from benchmarks.beside.sides import MODEL
from benchmarks.load.requests import EMOJI, Asked, Mix
from tests.tiny.models import save_tiny
from tests.tiny.networks import tiny_kl
from tests.tiny.parts import save_tiny_lora
from tests.tiny.pipelines.pipelines import save_tiny_sd3

SCALE = 0.1
"""Of what a made LoRA adds: a picture changes and stays one."""

INK = ROOT / "models" / "adapters" / "ink" / "pytorch_lora_weights.safetensors"


@dataclass(frozen=True)
class Shelf:
    """Where everything lies that requests of a mix name."""

    models: Mapping[str, Path]
    loras: Mapping[str, Path]
    catalogue: Path

    def call(self, asked: Asked) -> dict[str, Any]:
        """A request as diffusers' side reads it (`benchmarks/beside/bare.py`)."""
        return {
            "steps": asked.steps,
            "side": asked.side,
            "sampler": None if asked.own else asked.sampler,
            "model": self.models[asked.model].name,
            "loras": [(str(self.loras[name]), weight) for name, weight in asked.loras],
        }


def small_sdxl(folder: Path) -> None:
    """An SDXL: its UNet and two text encoders, with the shipped model's autoencoder."""
    pipeline = DiffusionPipeline.from_pretrained(save_tiny("sdxl", folder))
    pipeline.register_modules(
        unet=UNet2DConditionModel.from_config(
            pipeline.unet.config,
            sample_size=16,
            block_out_channels=(64, 128, 192),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2),
        ),
        vae=AutoencoderKL.from_pretrained(MODEL / "vae"),
    )
    pipeline.save_pretrained(folder)


def small_sd3(folder: Path) -> None:
    """A Stable Diffusion 3: a transformer, flow matching, three text encoders."""
    pipeline = DiffusionPipeline.from_pretrained(save_tiny_sd3(folder))
    pipeline.register_modules(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=3,
            attention_head_dim=32,
            num_attention_heads=6,
            caption_projection_dim=192,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            pos_embed_max_size=32,
        ),
        vae=tiny_kl(16, 4, scaling_factor=1.5305, shift_factor=0.0609),
    )
    pipeline.save_pretrained(folder)


MODELS: Mapping[str, Callable[[Path], None]] = {"small-sdxl": small_sdxl, "small-sd3": small_sd3}


def shelf(mix: Mix, folder: Path) -> Shelf:
    """Make what the mix needs and say where it is; what lies there already is taken."""
    models, loras = {EMOJI: MODEL}, {"ink": INK} if "ink" in mix.loras else {}
    for name in mix.models or ():
        if name != EMOJI:
            models[name] = _made(folder / name, MODELS[name])
    for seed, name in enumerate(sorted(mix.loras - {"ink"})):
        file = folder / f"{name}.safetensors"
        loras[name] = save_tiny_lora(file, MODEL, seed=seed, alpha=2 * SCALE)
    lines = [f'default = "{EMOJI}"']
    for section, every in (("models", models), ("loras", loras)):
        for name, source in every.items():
            lines += [f"[{section}.{name}]", f'source = "{source}"']
    catalogue = folder / "models.toml"
    catalogue.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Shelf(models, loras, catalogue)


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    if not (folder / "model_index.json").is_file():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            make(folder)
    return folder
