"""Random ControlNets of the real classes for the tiny transformers of tests/tiny_pipelines.py."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_qwenimage import QwenImageControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel

from tests.tiny_networks import QWEN_IMAGE


def _sd3() -> SD3ControlNetModel:
    return SD3ControlNetModel(
        sample_size=8,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        pos_embed_max_size=16,
    )


def _flux(pixels: int | None = None, modes: int | None = None) -> FluxControlNetModel:
    return FluxControlNetModel(
        patch_size=1 if pixels is None else 2,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=pixels is None,
        conditioning_embedding_channels=pixels,
        num_mode=modes,
    )


def _qwen() -> QwenImageControlNetModel:
    return QwenImageControlNetModel(**QWEN_IMAGE)


NETS: Mapping[str, Callable[[], Any]] = {
    "sd3": _sd3,
    "flux": _flux,
    "qwen-image": _qwen,
    "union": lambda: _flux(modes=3),
    "pixels": lambda: _flux(pixels=16),
}
"""By the families that they steer; and for Flux one of several modes, and one that looks at pixels
(for an autoencoder of four levels)."""


def save_tiny_control(name: str, folder: Path) -> Path:
    """Writes one of NETS for its family's tiny model, in the diffusers layout."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = NETS[name]()
        # What joins it to the transformer begins at zero, and would stay without an effect.
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    net.save_pretrained(folder, safe_serialization=True)
    return folder
