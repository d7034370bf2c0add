"""Random Sana pipelines of the real classes."""

from typing import Any

from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.pipelines.sana.pipeline_sana_sprint import SanaSprintPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_scm import SCMScheduler

from tests.tiny.model import tiny_tokenizer
from tests.tiny.networks import tiny_gemma


def tiny_sana() -> SanaPipeline:
    return SanaPipeline(
        transformer=_transformer(),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        vae=_autoencoder(),
        text_encoder=tiny_gemma(),
        tokenizer=tiny_tokenizer(300),
    )


def tiny_sana_sprint() -> SanaSprintPipeline:
    return SanaSprintPipeline(
        transformer=_transformer(guidance_embeds=True, qk_norm="rms_norm_across_heads"),
        scheduler=SCMScheduler(),
        vae=_autoencoder(),
        text_encoder=tiny_gemma(),
        tokenizer=tiny_tokenizer(300),
    )


def _transformer(**more: Any) -> SanaTransformer2DModel:
    return SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=4,
        patch_size=1,
        **more,
    )


def _autoencoder() -> AutoencoderDC:
    return AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_qkv_multiscales=((), (), (3,)),
        decoder_qkv_multiscales=((), (), (3,)),
        scaling_factor=0.41407,
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
    )
