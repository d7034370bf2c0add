"""Random T2I-Adapters and ControlNets of several kinds for the tiny UNets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from tests.tiny.model import FACTOR
from tests.tiny.models import BETAS, WIDTH, tiny_sd

ADAPTERS: Mapping[str, Mapping[str, Any]] = {
    "full_adapter": {"channels": (16, 32), "downscale_factor": FACTOR},
    "full_adapter_xl": {"channels": (16, 32, 32), "downscale_factor": 2 * FACTOR},
}
"""For UNets that attend to words from their first level on, as Stable Diffusion 1, and for those
that do from their second one, as SDXL."""


def save_tiny_from_first_level(folder: Path) -> Path:
    """A Stable Diffusion that attends to words on its first level and not on its last, as the real
    one does."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        scheduler = DDIMScheduler(**BETAS, clip_sample=False)
        tiny_sd(unet, scheduler).save_pretrained(folder, safe_serialization=True)
    return folder


def save_tiny_t2i_adapter(folder: Path, kind: str = "full_adapter_xl", seed: int = 0) -> Path:
    """A T2I-Adapter for the tiny UNets, strong enough to change every picture."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = T2IAdapter(adapter_type=kind, num_res_blocks=2, **ADAPTERS[kind])
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    net.save_pretrained(folder, safe_serialization=True)
    return folder


def save_tiny_union(folder: Path, model: Path, seed: int = 0) -> Path:
    """A ControlNet of eight kinds of pictures for the SDXL in the folder `model`."""
    unet: Any = UNet2DConditionModel.from_pretrained(model / "unet")
    shared = ("in_channels", "block_out_channels", "layers_per_block", "down_block_types")
    shared += ("cross_attention_dim", "attention_head_dim", "norm_num_groups")
    shared += ("addition_embed_type", "addition_time_embed_dim", "flip_sin_to_cos", "freq_shift")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ControlNetUnionModel(
            **{name: unet.config[name] for name in shared},
            projection_class_embeddings_input_dim=unet.config.projection_class_embeddings_input_dim,
            conditioning_embedding_out_channels=(4, 8),
            num_control_type=8,
            num_trans_channel=unet.config.block_out_channels[0],
            num_trans_head=2,
            num_proj_channel=unet.config.block_out_channels[0],
        )
        # What joins it to the UNet begins at zero, and would stay without an effect.
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    net.save_pretrained(folder, safe_serialization=True)
    return folder
