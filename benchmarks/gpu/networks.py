"""The networks of models of today at their real sizes, from their published configurations.

Nothing is loaded: whoever makes one says on which device, and what its numbers are. With a `depth`
each has so many layers of each kind at most, and its real width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    LlamaConfig,
    LlamaForCausalLM,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

Make = Callable[[int | None], Any]
"""Makes a network, of a depth at most."""

QWEN3_4B: Mapping[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


TWO = 2
"""Layers that a CLIP has to have where the last but one is read."""


def least(layers: int, depth: int | None, needed: int = 1) -> int:
    """How many of a network's layers are made."""
    return layers if depth is None else min(layers, max(depth, needed))


def clip_l(depth: int | None) -> Any:
    return CLIPTextModel(_clip_l(depth))


def clip_l_projected(depth: int | None) -> Any:
    return CLIPTextModelWithProjection(_clip_l(depth))


def _clip_l(depth: int | None) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=least(12, depth, TWO),
        num_attention_heads=12,
        projection_dim=768,
    )


def clip_g(depth: int | None) -> Any:
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=least(32, depth, TWO),
            num_attention_heads=20,
            projection_dim=1280,
        )
    )


def t5_xxl(depth: int | None) -> Any:
    return T5EncoderModel(
        T5Config(
            vocab_size=32128,
            d_model=4096,
            d_kv=64,
            d_ff=10240,
            num_layers=least(24, depth),
            num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )


def qwen25_vl(depth: int | None) -> Any:
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": least(28, depth),
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24]},
    }
    eye = {"hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
    eye |= {"depth": least(32, depth), "out_hidden_size": 3584}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=eye))


def qwen3(depth: int | None) -> Any:
    return Qwen3Model(Qwen3Config(**QWEN3_4B, num_hidden_layers=least(36, depth)))


def qwen3_layers(depth: int | None) -> Any:
    # Its reader takes the outputs of layers as high as this.
    layers = least(36, depth, 27)
    return Qwen3ForCausalLM(Qwen3Config(**QWEN3_4B, num_hidden_layers=layers))


def mistral_24b(depth: int | None) -> Any:
    text = {
        "model_type": "mistral",
        "vocab_size": 131072,
        "hidden_size": 5120,
        "intermediate_size": 32768,
        "num_hidden_layers": least(40, depth, 30),
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    }
    eye = {"model_type": "pixtral", "hidden_size": 1024, "intermediate_size": 4096}
    eye |= {"num_hidden_layers": least(24, depth), "num_attention_heads": 16}
    return Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=eye))


def gemma2_2b(depth: int | None) -> Any:
    return Gemma2Model(
        Gemma2Config(
            vocab_size=256000,
            hidden_size=2304,
            intermediate_size=9216,
            num_hidden_layers=least(26, depth),
            num_attention_heads=8,
            num_key_value_heads=4,
            head_dim=256,
        )
    )


def llama_8b(depth: int | None) -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=128256,
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=least(32, depth),
            num_attention_heads=32,
            num_key_value_heads=8,
        )
    )


def kl(channels: int, **config: Any) -> Make:
    return lambda depth: AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=channels,
        **config,
    )


def autoencoder_dc(depth: int | None) -> Any:
    return AutoencoderDC(
        latent_channels=32,
        encoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
        decoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
        encoder_block_out_channels=(128, 256, 512, 512, 1024, 1024),
        decoder_block_out_channels=(128, 256, 512, 512, 1024, 1024),
        encoder_layers_per_block=(2, 2, 2, 3, 3, 3),
        decoder_layers_per_block=(3, 3, 3, 3, 3, 3),
        encoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)),
        decoder_qkv_multiscales=((), (), (), (5,), (5,), (5,)),
        scaling_factor=0.41407,
    )


def sdxl(depth: int | None) -> Any:
    return UNet2DConditionModel(
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, least(2, depth), least(10, depth)),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
        sample_size=128,
    )


def sd3(layers: int, dual: int = 0, **config: Any) -> Make:
    return lambda depth: SD3Transformer2DModel(
        num_layers=least(layers, depth),
        num_attention_heads=layers,
        caption_projection_dim=64 * layers,
        dual_attention_layers=tuple(range(least(dual, depth))),
        in_channels=16,
        joint_attention_dim=4096,
        pooled_projection_dim=2048,
        qk_norm="rms_norm",
        sample_size=128,
        **config,
    )


def flux2(width: int, heads: int, layers: int, single: int, *, guidance: bool) -> Make:
    return lambda depth: Flux2Transformer2DModel(
        num_layers=least(layers, depth),
        num_single_layers=least(single, depth),
        num_attention_heads=heads,
        joint_attention_dim=width,
        guidance_embeds=guidance,
    )


def hidream(depth: int | None) -> Any:
    layers, single = least(16, depth), least(32, depth)
    return HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=layers,
        num_single_layers=single,
        attention_head_dim=128,
        num_attention_heads=20,
        caption_channels=[4096, 4096],
        text_emb_dim=2048,
        num_routed_experts=4,
        num_activated_experts=2,
        axes_dims_rope=(64, 32, 32),
        max_resolution=(128, 128),
        # The one that each of its layers reads; what there is more are for the single ones.
        llama_layers=[min(each, least(32, depth) - 1) for each in range(layers + single)],
    )


FLUX = {"scaling_factor": 0.3611, "shift_factor": 0.1159}

NETWORKS: Mapping[str, Mapping[str, Make]] = {
    "sd1": {
        "unet": lambda depth: UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        "text_encoder": clip_l,
        "vae": kl(4, scaling_factor=0.18215),
    },
    "sdxl": {
        "unet": sdxl,
        "text_encoder": clip_l,
        "text_encoder_2": clip_g,
        "vae": kl(4, scaling_factor=0.13025),
    },
    "sd3": {
        "transformer": sd3(24, dual=13, pos_embed_max_size=384),
        "text_encoder": clip_l_projected,
        "text_encoder_2": clip_g,
        "text_encoder_3": t5_xxl,
        "vae": kl(16, scaling_factor=1.5305, shift_factor=0.0609),
    },
    "sd3-large": {
        "transformer": sd3(38, pos_embed_max_size=192),
        "text_encoder": clip_l_projected,
        "text_encoder_2": clip_g,
        "text_encoder_3": t5_xxl,
        "vae": kl(16, scaling_factor=1.5305, shift_factor=0.0609),
    },
    "flux": {
        "transformer": lambda depth: FluxTransformer2DModel(
            guidance_embeds=True,
            num_layers=least(19, depth),
            num_single_layers=least(38, depth),
        ),
        "text_encoder": clip_l,
        "text_encoder_2": t5_xxl,
        "vae": kl(16, **FLUX),
    },
    "qwen-image": {
        "transformer": lambda depth: QwenImageTransformer2DModel(num_layers=least(60, depth)),
        "text_encoder": qwen25_vl,
        "vae": lambda depth: AutoencoderKLQwenImage(),
    },
    "z-image": {
        "transformer": lambda depth: ZImageTransformer2DModel(
            n_layers=least(30, depth), n_refiner_layers=least(2, depth)
        ),
        "text_encoder": qwen3,
        "vae": kl(16, **FLUX),
    },
    "sana": {
        "transformer": lambda depth: SanaTransformer2DModel(num_layers=least(20, depth)),
        "text_encoder": gemma2_2b,
        "vae": autoencoder_dc,
    },
    "pixart-sigma": {
        "transformer": lambda depth: PixArtTransformer2DModel(
            sample_size=128,
            num_layers=least(28, depth),
            caption_channels=4096,
            use_additional_conditions=False,
            interpolation_scale=2,
        ),
        "text_encoder": t5_xxl,
        "vae": kl(4, scaling_factor=0.13025),
    },
    "lumina2": {
        "transformer": lambda depth: Lumina2Transformer2DModel(
            cap_feat_dim=2304,
            num_layers=least(26, depth),
            num_refiner_layers=least(2, depth),
        ),
        "text_encoder": gemma2_2b,
        "vae": kl(16, **FLUX),
    },
    "flux2": {
        "transformer": flux2(15360, 48, 8, 48, guidance=True),
        "text_encoder": mistral_24b,
        "vae": lambda depth: AutoencoderKLFlux2(),
    },
    "flux2-klein": {
        "transformer": flux2(7680, 24, 5, 20, guidance=False),
        "text_encoder": qwen3_layers,
        "vae": lambda depth: AutoencoderKLFlux2(),
    },
    "chroma": {
        "transformer": lambda depth: ChromaTransformer2DModel(
            num_layers=least(19, depth), num_single_layers=least(38, depth)
        ),
        "text_encoder": t5_xxl,
        "vae": kl(16, **FLUX),
    },
    "hidream": {
        "transformer": hidream,
        "text_encoder": clip_l_projected,
        "text_encoder_2": clip_g,
        "text_encoder_3": t5_xxl,
        "text_encoder_4": llama_8b,
        "vae": kl(16, **FLUX),
    },
}
"""By family, under the names that diffusers gives a pipeline's parts."""
