"""Random parts that tiny pipelines share: autoencoders and text encoders of the real classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTextConfig, Gemma2Config, Gemma2Model, T5Config, T5EncoderModel

CLIP_WINDOW = 77

QWEN_IMAGE: dict[str, Any] = {
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 4,
    "num_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (8, 4, 4),
}
"""Sizes of a Qwen-Image transformer, and so of its ControlNets."""

QWEN_READER: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""Sizes of the language model that reads for it, without those of its vocabulary."""

QWEN_EYE: dict[str, Any] = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": 16,
}
"""Sizes of what that model sees with."""


def tiny_gemma() -> Gemma2Model:
    return Gemma2Model(
        Gemma2Config(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=4096,
        )
    )


def tiny_kl(channels: int, levels: int, **config: float) -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=16,
        block_out_channels=(8, 16, 16, 16)[:levels],
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=channels,
        norm_num_groups=4,
        mid_block_add_attention=False,
        **config,
    )


def save_pipeline(make: Callable[[], Any], folder: Path) -> Path:
    """Writes a pipeline in the diffusers layout: the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        make().save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_clip_config(window: int = CLIP_WINDOW) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=32,
        max_position_embeddings=window,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )


def tiny_t5(width: int) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(vocab_size=300, d_model=width, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
    )
