"""Random models of the real classes that edit pictures by words, in the diffusers layout.

Diffusers' pipelines of Flux Kontext and Qwen-Image-Edit show a picture at a million pixels, however
small what they draw: their autoencoders have a scale of 8, so that these are 4,096 tokens.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux_fill import FluxFillPipeline
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit import QwenImageEditPipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_instruct_pix2pix import (
    StableDiffusionInstructPix2PixPipeline,
)
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_instruct_pix2pix import (
    StableDiffusionXLInstructPix2PixPipeline,
)
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from transformers import (
    AutoTokenizer,
    CLIPTextModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
)
from transformers.processing_utils import ProcessorMixin

from tests.tiny.model import tiny_tokenizer
from tests.tiny.models import BETAS, tiny_sd, tiny_unet, tiny_xl, tiny_xl_unet
from tests.tiny.networks import (
    CLIP_WINDOW,
    QWEN_EYE,
    QWEN_IMAGE,
    QWEN_READER,
    save_pipeline,
    tiny_clip_config,
    tiny_kl,
    tiny_t5,
)
from tests.tiny.pipelines.pipelines import with_edm
from tests.tiny.pipelines.qwen_21 import save_tiny_qwen_21
from tests.tiny.pipelines.transformers import save_tiny_flux2, save_tiny_flux2_klein

LEVELS = 4
"""Of the autoencoders: pictures are multiples of 16 pixels."""

SIGNS = ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>")


class StillProcessor(Qwen2VLProcessor):
    """Qwen2VLProcessor for pictures alone: its part for films needs torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None) -> None:
        ProcessorMixin.__init__(self, image_processor, tokenizer)
        self.image_token = SIGNS[0]
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)


def save_tiny_pix2pix(folder: Path) -> Path:
    """InstructPix2Pix: a UNet of 8 channels. Multiples of 2 pixels, 16x16."""
    pipeline = StableDiffusionInstructPix2PixPipeline
    return save_pipeline(
        lambda: tiny_sd(tiny_unet(channels=8), EulerDiscreteScheduler(**BETAS), kind=pipeline),
        folder,
    )


def save_tiny_cosxl_edit(folder: Path) -> Path:
    """CosXL Edit: SDXL with a UNet of 8 channels and the noise of EDM, which runs whole."""
    save = partial(tiny_xl, tiny_xl_unet(channels=8), is_cosxl_edit=True)
    save_pipeline(lambda: save(StableDiffusionXLInstructPix2PixPipeline), folder)
    return with_edm(folder)


def save_tiny_kontext(folder: Path) -> Path:
    """Flux Kontext: what it edits is more tokens."""
    return save_pipeline(lambda: FluxKontextPipeline(**_flux(64)), folder)


def save_tiny_fill(folder: Path) -> Path:
    """Flux Fill: what it fills is more channels."""
    return save_pipeline(lambda: FluxFillPipeline(**_flux(64 + 64 + 256)), folder)


def save_tiny_qwen_edit(folder: Path) -> Path:
    """Qwen-Image-Edit: one picture."""
    return _save_qwen(QwenImageEditPipeline, folder)


def save_tiny_qwen_edit_plus(folder: Path) -> Path:
    """Qwen-Image-Edit 2509: several pictures."""
    return _save_qwen(QwenImageEditPlusPipeline, folder)


EDITORS: dict[str, Callable[[Path], Path]] = {
    "pix2pix": save_tiny_pix2pix,
    "cosxl-edit": save_tiny_cosxl_edit,
    "kontext": save_tiny_kontext,
    "fill": save_tiny_fill,
    "qwen-edit": save_tiny_qwen_edit,
    "qwen-edit-plus": save_tiny_qwen_edit_plus,
    "qwen-image-21": save_tiny_qwen_21,
    "flux2": save_tiny_flux2,
    "flux2-klein": save_tiny_flux2_klein,
}
"""By the names that the tests give them."""


def tiny_qwen_edit(folder: Path) -> Any:
    """Diffusers' own pipeline of a model that was saved."""
    index = json.loads((folder / "model_index.json").read_text())
    kind = {each.__name__: each for each in (QwenImageEditPipeline, QwenImageEditPlusPipeline)}
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    images = Qwen2VLImageProcessor.from_pretrained(folder / "processor")
    return kind[index["_class_name"]].from_pretrained(
        folder, processor=StillProcessor(images, tokenizer)
    )


def _flux(channels: int) -> dict[str, Any]:
    return {
        "transformer": FluxTransformer2DModel(
            patch_size=1,
            in_channels=channels,
            out_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        "vae": tiny_kl(16, LEVELS, scaling_factor=0.3611, shift_factor=0.1159),
        "text_encoder": CLIPTextModel(tiny_clip_config()),
        "tokenizer": tiny_tokenizer(CLIP_WINDOW),
        "text_encoder_2": tiny_t5(32),
        "tokenizer_2": tiny_tokenizer(32),
    }


def _save_qwen(pipeline: Any, folder: Path) -> Path:
    tokenizer = tiny_tokenizer(4096)
    tokenizer.add_special_tokens({"additional_special_tokens": list(SIGNS)})
    images = Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 28 * 28 * 16})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = pipeline(
            transformer=QwenImageTransformer2DModel(**QWEN_IMAGE),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
            vae=AutoencoderKLQwenImage(
                base_dim=4,
                z_dim=4,
                dim_mult=[1, 1, 1, 1],
                # A million pixels go through it for each picture that is shown.
                num_res_blocks=0,
                temperal_downsample=[False, False, True],
                latents_mean=[-0.8, 0.1, 0.4, -0.2],
                latents_std=[2.8, 1.5, 2.1, 1.7],
            ),
            text_encoder=Qwen2_5_VLForConditionalGeneration(_reader(tokenizer)),
            tokenizer=tokenizer,
            processor=StillProcessor(images, tokenizer),
        )
        made.save_pretrained(folder, safe_serialization=True)
    index = json.loads((folder / "model_index.json").read_text())
    index["processor"] = ["transformers", "Qwen2VLProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    images.save_pretrained(folder / "processor")
    return folder


def _reader(tokenizer: Any) -> Qwen2_5_VLConfig:
    pad, start, end = tokenizer.convert_tokens_to_ids(list(SIGNS))
    return Qwen2_5_VLConfig(
        text_config={**QWEN_READER, "vocab_size": 310},
        vision_config=QWEN_EYE,
        image_token_id=pad,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
