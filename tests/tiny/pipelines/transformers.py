"""Random pipelines of the real classes of later transformers, a step in milliseconds each."""

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from diffusers.pipelines.chroma.pipeline_chroma import ChromaPipeline
from diffusers.pipelines.flux2.pipeline_flux2 import Flux2Pipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.hidream_image.pipeline_hidream_image import HiDreamImagePipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from transformers import (
    CLIPTextModelWithProjection,
    LlamaConfig,
    LlamaForCausalLM,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.tiny.model import tiny_tokenizer
from tests.tiny.networks import save_pipeline, tiny_clip_config, tiny_kl, tiny_t5

READER = {
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}

KLEIN_LAYERS, DEV_LAYERS = 27, 30
"""Diffusers' pipelines read the output of a layer as high as this."""

CHAT = "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"

TALK = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content[0].text }}[/{{ m.role }}]"
    "{% endfor %}"
)


def save_tiny_flux2(folder: Path) -> Path:
    """Flux.2 dev: told its guidance, its prompts filled up in front. Multiples of 4 pixels."""
    return save_pipeline(_flux2, folder)


def save_tiny_flux2_klein(folder: Path) -> Path:
    """Flux.2 klein, as it was before it was distilled. Multiples of 4 pixels."""
    return save_pipeline(_flux2_klein, folder)


def save_tiny_chroma(folder: Path) -> Path:
    """Chroma: Flux without CLIP. Multiples of 4 pixels."""
    return save_pipeline(_chroma, folder)


def save_tiny_hidream(folder: Path) -> Path:
    """HiDream: four text encoders, a mixture of experts. Multiples of 4 pixels, 64x64 at most."""
    return save_pipeline(_hidream, folder)


SAVERS: dict[str, Callable[[Path], Path]] = {
    "flux2": save_tiny_flux2,
    "flux2-klein": save_tiny_flux2_klein,
    "chroma": save_tiny_chroma,
    "hidream": save_tiny_hidream,
}


def _flux2_transformer(width: int, guidance: bool) -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=width,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )


def _flux2_autoencoder() -> AutoencoderKLFlux2:
    vae = AutoencoderKLFlux2(
        sample_size=16,
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    # What training left there is not what it began with.
    vae.bn.running_mean.copy_(torch.randn(16) * 0.2)
    vae.bn.running_var.copy_(torch.rand(16) + 0.5)
    return vae


def _flux2() -> Flux2Pipeline:
    tokenizer = tiny_tokenizer(512)
    tokenizer.padding_side = "left"
    tokenizer.chat_template = TALK
    eye = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    return Flux2Pipeline(
        transformer=_flux2_transformer(3 * 16, guidance=True),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=_flux2_autoencoder(),
        text_encoder=Mistral3ForConditionalGeneration(
            Mistral3Config(
                text_config=READER | {"model_type": "mistral", "num_hidden_layers": DEV_LAYERS},
                vision_config=eye | {"model_type": "pixtral", "num_attention_heads": 2},
            )
        ),
        tokenizer=tokenizer,
    )


def _flux2_klein() -> Flux2KleinPipeline:
    tokenizer = tiny_tokenizer(512)
    tokenizer.chat_template = CHAT
    return Flux2KleinPipeline(
        transformer=_flux2_transformer(3 * 16, guidance=False),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=_flux2_autoencoder(),
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**READER, num_hidden_layers=KLEIN_LAYERS)),
        tokenizer=tokenizer,
    )


def _chroma() -> ChromaPipeline:
    return ChromaPipeline(
        transformer=ChromaTransformer2DModel(
            patch_size=1,
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=16,
            approximator_layers=1,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=tiny_kl(16, 2, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=tiny_t5(32),
        tokenizer=tiny_tokenizer(512),
    )


def _hidream() -> HiDreamImagePipeline:
    return HiDreamImagePipeline(
        transformer=HiDreamImageTransformer2DModel(
            patch_size=2,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_channels=[32, 16],
            text_emb_dim=64,
            axes_dims_rope=(4, 2, 2),
            max_resolution=(32, 32),
            llama_layers=[0, 1],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_kl(4, 2, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=CLIPTextModelWithProjection(tiny_clip_config(128)),
        tokenizer=tiny_tokenizer(128),
        text_encoder_2=CLIPTextModelWithProjection(tiny_clip_config(128)),
        tokenizer_2=tiny_tokenizer(128),
        text_encoder_3=tiny_t5(32),
        tokenizer_3=tiny_tokenizer(128),
        text_encoder_4=LlamaForCausalLM(LlamaConfig(**READER, num_hidden_layers=2)),
        tokenizer_4=tiny_tokenizer(128),
    )
