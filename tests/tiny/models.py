"""Random models of every family the engine runs: the real classes, small enough for a step in
milliseconds, the same each time. Pictures are multiples of FACTOR and by default 16x16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import (
    StableDiffusionInpaintPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import (
    StableDiffusionXLPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img import (
    StableDiffusionXLImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_inpaint import (
    StableDiffusionXLInpaintPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.tiny.model import FACTOR, WINDOW, tiny_tokenizer, tiny_vae

__all__ = ["FACTOR", "FAMILIES", "WINDOW", "save_tiny", "save_tiny_vae"]

WIDTH, WIDTH_2, PROJECTION = 32, 48, 24
# SDXL's six numbers of size and crop, each embedded in as many; its refiner has five.
TIME_EMBEDDING = 8

BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}


def _text(model_class: Any, width: int, *, act: str = "quick_gelu", **options: Any) -> Any:
    return model_class(
        CLIPTextConfig(
            vocab_size=300,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=WINDOW + 2,
            hidden_act=act,
            projection_dim=PROJECTION,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            **options,
        )
    ).eval()


def tiny_unet(cross: int = WIDTH, channels: int = 4, **options: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=cross,
        attention_head_dim=4,
        norm_num_groups=8,
        **options,
    )


def tiny_xl_unet(
    cross: int = WIDTH + WIDTH_2, channels: int = 4, ids: int = 6
) -> UNet2DConditionModel:
    return tiny_unet(
        cross,
        channels,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_EMBEDDING,
        projection_class_embeddings_input_dim=PROJECTION + ids * TIME_EMBEDDING,
    )


def tiny_sd(unet: Any, scheduler: Any, *, act: str = "quick_gelu", kind: Any = None) -> Any:
    pipeline = kind or StableDiffusionPipeline
    return pipeline(
        vae=tiny_vae(),
        text_encoder=_text(CLIPTextModel, WIDTH, act=act),
        tokenizer=tiny_tokenizer(),
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sd2(**options: Any) -> Any:
    scheduler = DDIMScheduler(**BETAS, prediction_type="v_prediction", clip_sample=False, **options)
    return tiny_sd(tiny_unet(), scheduler, act="gelu")


def tiny_xl(unet: Any, kind: Any = StableDiffusionXLPipeline, **options: Any) -> Any:
    return kind(
        vae=tiny_vae(),
        text_encoder=_text(CLIPTextModel, WIDTH),
        text_encoder_2=_text(CLIPTextModelWithProjection, WIDTH_2, act="gelu"),
        tokenizer=tiny_tokenizer(),
        tokenizer_2=tiny_tokenizer(),
        unet=unet,
        scheduler=EulerDiscreteScheduler(**BETAS),
        add_watermarker=False,
        **options,
    )


def _refiner() -> Any:
    return StableDiffusionXLImg2ImgPipeline(
        vae=tiny_vae(),
        text_encoder=None,
        text_encoder_2=_text(CLIPTextModelWithProjection, WIDTH_2, act="gelu"),
        tokenizer=None,
        tokenizer_2=tiny_tokenizer(),
        unet=tiny_xl_unet(WIDTH_2, ids=5),
        scheduler=EulerDiscreteScheduler(**BETAS),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


FAMILIES: Mapping[str, Callable[[], Any]] = {
    "sd1": lambda: tiny_sd(tiny_unet(), PNDMScheduler(**BETAS, skip_prk_steps=True)),
    "sd1-inpainting": lambda: tiny_sd(
        tiny_unet(channels=9),
        DDIMScheduler(**BETAS, clip_sample=False),
        kind=StableDiffusionInpaintPipeline,
    ),
    "sd2": _sd2,
    "sd2-zero-snr": lambda: _sd2(rescale_betas_zero_snr=True, timestep_spacing="trailing"),
    "sd1-cosine": lambda: tiny_sd(
        tiny_unet(),
        DDIMScheduler(beta_schedule="squaredcos_cap_v2", steps_offset=1, clip_sample=False),
    ),
    "lcm": lambda: tiny_sd(
        tiny_unet(time_cond_proj_dim=8),
        LCMScheduler(**BETAS, original_inference_steps=50),
        kind=LatentConsistencyModelPipeline,
    ),
    "turbo": lambda: tiny_sd(
        tiny_unet(), EulerDiscreteScheduler(**BETAS, timestep_spacing="trailing"), act="gelu"
    ),
    "sdxl": lambda: tiny_xl(tiny_xl_unet()),
    "sdxl-inpainting": lambda: tiny_xl(tiny_xl_unet(channels=9), StableDiffusionXLInpaintPipeline),
    "sdxl-refiner": _refiner,
}
"""What makes each: a whole pipeline of the family's own class."""


def save_tiny(family: str, folder: Path) -> Path:
    """Writes a model of FAMILIES to `folder` in the diffusers layout (safetensors)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        FAMILIES[family]().save_pretrained(folder, safe_serialization=True)
    return folder


def save_tiny_vae(folder: Path, channels: int = 4) -> Path:
    """Writes an AutoencoderTiny for the latents of all of them, or for others with `channels`."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        AutoencoderTiny(
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1),
            num_decoder_blocks=(1, 1),
            latent_channels=channels,
        ).save_pretrained(folder, safe_serialization=True)
    return folder
