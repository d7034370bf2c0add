"""Random pipelines of the real classes that run whole: flow matching, packed latents, odd calls.

Each is small enough to run a step in some milliseconds, and is saved in the diffusers layout.
"""

import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from diffusers.pipelines.lumina2.pipeline_lumina2 import Lumina2Pipeline
from diffusers.pipelines.pixart_alpha.pipeline_pixart_alpha import PixArtAlphaPipeline
from diffusers.pipelines.pixart_alpha.pipeline_pixart_sigma import PixArtSigmaPipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage import QwenImagePipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import (
    StableDiffusion3Pipeline,
)
from diffusers.pipelines.z_image.pipeline_z_image import ZImagePipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
)

from tests.tiny.model import tiny_tokenizer
from tests.tiny.models import save_tiny
from tests.tiny.networks import (
    CLIP_WINDOW,
    QWEN_EYE,
    QWEN_IMAGE,
    QWEN_READER,
    save_pipeline,
    tiny_clip_config,
    tiny_gemma,
    tiny_kl,
    tiny_t5,
)
from tests.tiny.pipelines.kolors import save_tiny_kolors
from tests.tiny.pipelines.qwen_21 import save_tiny_qwen_21
from tests.tiny.pipelines.sana import tiny_sana, tiny_sana_sprint
from tests.tiny.pipelines.transformers import SAVERS as LATER

T5_WINDOW = 32


def save_tiny_sd3(folder: Path) -> Path:
    """Stable Diffusion 3: three text encoders, flow matching. Multiples of 4 pixels, 16x16."""
    return save_pipeline(_sd3, folder)


def save_tiny_flux(folder: Path, levels: int = 2) -> Path:
    """Flux: packed latents, distilled guidance. Multiples of 4 pixels, 16x16; of 16 with the 4
    `levels` of a real autoencoder."""
    return save_pipeline(partial(_flux, levels), folder)


def save_tiny_pixart(folder: Path) -> Path:
    """PixArt: a legacy `callback`, a learned variance, sizes of its own choice. 256x256."""
    return save_pipeline(_pixart, folder)


def save_tiny_lcm(folder: Path) -> Path:
    """A latent consistency model: its call takes no negative prompt. Multiples of 2, 16x16."""
    return save_pipeline(_lcm, folder)


def save_tiny_qwen(folder: Path) -> Path:
    """Qwen-Image: a language model reads, an autoencoder of videos draws. Multiples of 8, 16x16."""
    return save_pipeline(_qwen, folder)


def save_tiny_edm(folder: Path) -> Path:
    """SDXL with the noise of EDM, as Playground 2.5. Multiples of 2 pixels, 16x16."""
    return with_edm(save_tiny("sdxl", folder))


def with_edm(folder: Path) -> Path:
    """A model that was saved, with the noise of EDM."""
    with warnings.catch_warnings():
        # numpy 2.4 deprecates how torch 2.13 hands it arrays, in diffusers' own code.
        warnings.filterwarnings("ignore", "__array", DeprecationWarning)
        EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5).save_pretrained(
            folder / "scheduler"
        )
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", "EDMEulerScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def save_tiny_z_image(folder: Path) -> Path:
    """Z-Image: tokens of a language model and of the picture in one row. Multiples of 4 pixels."""
    return save_pipeline(_z_image, folder)


def save_tiny_sana(folder: Path) -> Path:
    """Sana: a deep compression autoencoder, DPM++ 2M in its flow form. Multiples of 4 pixels."""
    return save_pipeline(tiny_sana, folder)


def save_tiny_sana_sprint(folder: Path) -> Path:
    """Sana Sprint: told its guidance, walked by its own scheduler. Multiples of 4 pixels."""
    return save_pipeline(tiny_sana_sprint, folder)


def save_tiny_pixart_sigma(folder: Path) -> Path:
    """PixArt-Sigma: a transformer that predicts noise. Multiples of 4 pixels, 16x16."""
    return save_pipeline(_pixart_sigma, folder)


def save_tiny_lumina2(folder: Path) -> Path:
    """Lumina 2: its own pipeline is for autoencoders of a scale of 8. Multiples of 16 pixels."""
    return save_pipeline(_lumina2, folder)


SAVERS: dict[str, Callable[[Path], Path]] = {
    "sd3": save_tiny_sd3,
    "flux": save_tiny_flux,
    "qwen-image": save_tiny_qwen,
    "qwen-image-21": save_tiny_qwen_21,
    "z-image": save_tiny_z_image,
    "sana": save_tiny_sana,
    "pixart-sigma": save_tiny_pixart_sigma,
    "lumina2": save_tiny_lumina2,
    "kolors": save_tiny_kolors,
    **LATER,
}
"""Those whose rows the engine batches, by their families."""


def _sd3() -> StableDiffusion3Pipeline:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            pos_embed_max_size=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_kl(16, 2, scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=CLIPTextModelWithProjection(tiny_clip_config()),
        tokenizer=tiny_tokenizer(CLIP_WINDOW),
        text_encoder_2=CLIPTextModelWithProjection(tiny_clip_config()),
        tokenizer_2=tiny_tokenizer(CLIP_WINDOW),
        text_encoder_3=tiny_t5(64),
        tokenizer_3=tiny_tokenizer(T5_WINDOW),
    )


def _flux(levels: int) -> FluxPipeline:
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=tiny_kl(16, levels, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=CLIPTextModel(tiny_clip_config()),
        tokenizer=tiny_tokenizer(CLIP_WINDOW),
        text_encoder_2=tiny_t5(32),
        tokenizer_2=tiny_tokenizer(T5_WINDOW),
    )


def _pixart() -> PixArtAlphaPipeline:
    return PixArtAlphaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=32,
            patch_size=2,
            in_channels=4,
            out_channels=8,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            cross_attention_dim=16,
            caption_channels=32,
        ),
        scheduler=DPMSolverMultistepScheduler(),
        vae=tiny_kl(4, 4, scaling_factor=0.18215),
        text_encoder=tiny_t5(32),
        tokenizer=tiny_tokenizer(T5_WINDOW),
    )


def _lcm() -> LatentConsistencyModelPipeline:
    return LatentConsistencyModelPipeline(
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=32,
            attention_head_dim=4,
            norm_num_groups=8,
            time_cond_proj_dim=16,
        ),
        scheduler=LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        vae=tiny_kl(4, 2, scaling_factor=0.18215),
        text_encoder=CLIPTextModel(tiny_clip_config()),
        tokenizer=tiny_tokenizer(CLIP_WINDOW),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _qwen() -> QwenImagePipeline:
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(**QWEN_IMAGE),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=AutoencoderKLQwenImage(
            base_dim=16,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[-0.8, 0.1, 0.4, -0.2],
            latents_std=[2.8, 1.5, 2.1, 1.7],
        ),
        text_encoder=Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config={**QWEN_READER, "vocab_size": 300}, vision_config=QWEN_EYE)
        ),
        tokenizer=tiny_tokenizer(CLIP_WINDOW),
    )


def _z_image() -> ZImagePipeline:
    tokenizer = tiny_tokenizer(512)
    tokenizer.chat_template = (
        "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"
    )
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            in_channels=16,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=16,
            axes_dims=[8, 4, 4],
            axes_lens=[1024, 64, 64],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_kl(16, 2, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=Qwen3Model(
            Qwen3Config(
                vocab_size=300,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=8,
            )
        ),
        tokenizer=tokenizer,
    )


def _pixart_sigma() -> PixArtSigmaPipeline:
    return PixArtSigmaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            out_channels=8,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            cross_attention_dim=16,
            caption_channels=32,
            use_additional_conditions=False,
        ),
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.0001, beta_end=0.02, beta_schedule="linear"
        ),
        vae=tiny_kl(4, 2, scaling_factor=0.13025),
        text_encoder=tiny_t5(32),
        tokenizer=tiny_tokenizer(300),
    )


def _lumina2() -> Lumina2Pipeline:
    return Lumina2Pipeline(
        transformer=Lumina2Transformer2DModel(
            sample_size=4,
            patch_size=2,
            in_channels=4,
            hidden_size=24,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=3,
            num_kv_heads=1,
            multiple_of=2,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(512, 64, 64),
            cap_feat_dim=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0, use_dynamic_shifting=True),
        vae=tiny_kl(4, 4, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=tiny_gemma(),
        tokenizer=tiny_tokenizer(256),
    )
