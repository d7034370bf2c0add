"""Single-file checkpoints with every key that the real ones have, narrower.

`settings` beside each are the configurations that its makers publish, at the same widths, so that
stock diffusers can read the file without a network.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.checkpoints.layers import (
    Shape,
    Unet,
    autoencoder_shapes,
    clip_shapes,
    open_clip_shapes,
)

CLIP = Path(__file__).parents[2] / "worker" / "models" / "files" / "configurations" / "clip"


NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "timestep_spacing": "leading",
}


@dataclass(frozen=True)
class Checkpoint:
    """A family's checkpoint: its tensors by the parts' prefixes, and what its makers publish."""

    pipeline: str
    unet: Unet
    texts: Mapping[str, Mapping[str, Shape]]
    heads: int | tuple[int, ...]
    scheduler: str
    side: int = 64
    vae: bool = True
    more: Mapping[str, Shape] = field(default_factory=dict)
    scaling: float = 0.18215
    vae_channels: int = 32

    def shapes(self) -> dict[str, Shape]:
        parts = {"model.diffusion_model": self.unet.shapes(), **self.texts}
        if self.vae:
            parts["first_stage_model"] = autoencoder_shapes(self.vae_channels)
        named = {f"{at}.{key}": shape for at, part in parts.items() for key, shape in part.items()}
        return named | dict(self.more)

    def save(self, file: Path, seed: int = 0, metadata: dict[str, str] | None = None) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(fill(self.shapes(), seed), file, metadata={"format": "pt"} | (metadata or {}))
        return file

    def settings(self, folder: Path) -> Path:
        """Writes what the makers publish beside the weights, for stock diffusers."""
        xl = "XL" in self.pipeline
        index: dict[str, Any] = {
            "_class_name": self.pipeline,
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "scheduler": ["diffusers", self.scheduler],
        }
        if xl:
            index["force_zeros_for_empty_prompt"] = len(self.texts) == 2
            index["requires_aesthetics_score"] = len(self.texts) == 1
        else:
            index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
            index["image_encoder"] = [None, None]
        _json(folder / "unet" / "config.json", self._unet(xl))
        _json(
            folder / "vae" / "config.json",
            {
                "_class_name": "AutoencoderKL",
                "block_out_channels": [mult * self.vae_channels for mult in (1, 2, 4, 4)],
                "down_block_types": ["DownEncoderBlock2D"] * 4,
                "up_block_types": ["UpDecoderBlock2D"] * 4,
                "layers_per_block": 2,
                "latent_channels": 4,
                "sample_size": 8 * self.side,
                "scaling_factor": self.scaling,
            },
        )
        _json(
            folder / "scheduler" / "scheduler_config.json",
            NOISE | {"_class_name": self.scheduler, "skip_prk_steps": True},
        )
        for part in ("text_encoder", "text_encoder_2") if xl else ("text_encoder",):
            tokenizer = part.replace("text_encoder", "tokenizer")
            shapes = self._text(part)
            if shapes is None:
                index[part] = index[tokenizer] = [None, None]
                continue
            projects = "WithProjection" if part == "text_encoder_2" else ""
            index[part] = ["transformers", f"CLIPTextModel{projects}"]
            index[tokenizer] = ["transformers", "CLIPTokenizer"]
            self._write_text(folder, part, tokenizer, shapes)
        _json(folder / "model_index.json", index)
        return folder

    def _unet(self, xl: bool) -> dict[str, Any]:
        unet = self.unet
        down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in unet.depths]
        up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(unet.depths)]
        config: dict[str, Any] = {
            "_class_name": "UNet2DConditionModel",
            "sample_size": self.side,
            "in_channels": unet.takes,
            "out_channels": 4,
            "block_out_channels": [mult * unet.channels for mult in unet.mults],
            "layers_per_block": 2,
            "down_block_types": down,
            "up_block_types": up,
            "cross_attention_dim": unet.text,
            "attention_head_dim": self.heads,
            "use_linear_projection": unet.linear,
            "transformer_layers_per_block": [depth or unet.middle for depth in unet.depths],
        }
        if xl:
            pooled = next(
                s["text_projection"][1] for s in self.texts.values() if "ln_final.bias" in s
            )
            ids = 6 if len(self.texts) == 2 else 5
            config |= {
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": (unet.adm - pooled) // ids,
                "projection_class_embeddings_input_dim": unet.adm,
            }
        return config

    def _text(self, part: str) -> Mapping[str, Shape] | None:
        each = list(self.texts.values())
        if len(each) == 2:
            return each[part == "text_encoder_2"]
        return None if "XL" in self.pipeline and part == "text_encoder" else each[0]

    def _write_text(
        self, folder: Path, part: str, tokenizer: str, shapes: Mapping[str, Shape]
    ) -> None:
        opened = "ln_final.bias" in shapes
        layers = sum(key.endswith(("mlp.c_fc.bias", "mlp.fc1.bias")) for key in shapes)
        width = shapes["ln_final.bias" if opened else "final_layer_norm.bias"][0]
        _json(
            folder / part / "config.json",
            {
                "model_type": "clip_text_model",
                "architectures": ["CLIPTextModel"],
                "vocab_size": 49408,
                "hidden_size": width,
                "intermediate_size": 4 * width,
                "projection_dim": width,
                # Stable Diffusion 2 reads the layer before the last.
                "num_hidden_layers": layers - (opened and "XL" not in self.pipeline),
                "num_attention_heads": max(1, width // 64),
                "hidden_act": "gelu" if opened else "quick_gelu",
                "max_position_embeddings": 77,
                "bos_token_id": 0,
                "eos_token_id": 2,
                "pad_token_id": 1,
            },
        )
        (folder / tokenizer).mkdir(parents=True, exist_ok=True)
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(CLIP / name, folder / tokenizer / name)
        _json(
            folder / tokenizer / "tokenizer_config.json",
            {
                "tokenizer_class": "CLIPTokenizer",
                "model_max_length": 77,
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
                "pad_token": "!" if opened else "<|endoftext|>",
            },
        )


def fill(shapes: Mapping[str, Shape], seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights in float16, of the size at which a deep network neither dies nor explodes."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("position_ids"):
            tensors[name] = torch.arange(shape[-1]).expand(shape).contiguous()
            continue
        noise = torch.randn(shape, generator=generator)
        if len(shape) < 2:
            scale = noise * 0.1 + (1.0 if _is_norm(name) else 0.0)
        else:
            scale = noise / math.sqrt(math.prod(shape[1:]))
        tensors[name] = scale.half()
    return tensors


def _is_norm(name: str) -> bool:
    module = name.rsplit(".", 1)[0].rsplit(".", 1)[-1]
    within = ("in_layers.0.", "out_layers.0.", "out.0.")
    return name.endswith("weight") and (
        "norm" in module or "ln_" in module or any(w in name for w in within)
    )


def _json(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


MEMORY: Mapping[str, Shape] = dict.fromkeys(
    ("betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod"), (1000,)
)
"""A part of the buffers that ldm leaves in its checkpoints."""

CLIP_L, CLIP_H, CLIP_G = clip_shapes(), open_clip_shapes(), open_clip_shapes(layers=32)

SD1_TEXT, SD2_TEXT = "cond_stage_model.transformer.text_model", "cond_stage_model.model"
XL_TEXTS = {
    # diffusers tells the two by their widths.
    "conditioner.embedders.0.transformer.text_model": clip_shapes(32),
    "conditioner.embedders.1.model": CLIP_G,
}


def sd1(takes: int = 4, **options: Any) -> Checkpoint:
    unet = Unet(32, (1, 2, 4, 4), (1, 1, 1, 0), 1, 64, linear=False, takes=takes)
    kind, scheduler = {
        8: ("StableDiffusionInstructPix2PixPipeline", "EulerAncestralDiscreteScheduler"),
        9: ("StableDiffusionInpaintPipeline", "DDIMScheduler"),
    }.get(takes, ("StableDiffusionPipeline", "PNDMScheduler"))
    own = {"more": MEMORY} | options
    return Checkpoint(kind, unet, {SD1_TEXT: CLIP_L}, 8, scheduler, **own)


def sd15() -> Checkpoint:
    """Stable Diffusion 1.5 as it is: a thousand million numbers."""
    unet = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 768, linear=False)
    texts = {SD1_TEXT: clip_shapes(768)}
    return Checkpoint(
        "StableDiffusionPipeline", unet, texts, 8, "PNDMScheduler", more=MEMORY, vae_channels=128
    )


def sd2(takes: int = 4, **options: Any) -> Checkpoint:
    unet = Unet(64, (1, 2, 4, 4), (1, 1, 1, 0), 1, 64, linear=True, takes=takes)
    kind = "StableDiffusionInpaintPipeline" if takes == 9 else "StableDiffusionPipeline"
    scheduler = "DDIMScheduler" if takes == 9 else "PNDMScheduler"
    own = {"more": MEMORY} | options
    return Checkpoint(kind, unet, {SD2_TEXT: CLIP_H}, (1, 2, 4, 4), scheduler, **own)


def sdxl(takes: int = 4, **options: Any) -> Checkpoint:
    unet = Unet(32, (1, 2, 4), (0, 2, 10), 10, 96, linear=True, takes=takes, adm=64 + 6 * 32)
    kind = "StableDiffusionXLInpaintPipeline" if takes == 9 else "StableDiffusionXLPipeline"
    own = {"side": 128, "scaling": 0.13025} | options
    return Checkpoint(kind, unet, XL_TEXTS, (1, 1, 2), "EulerDiscreteScheduler", **own)


def refiner(**options: Any) -> Checkpoint:
    unet = Unet(32, (1, 2, 4, 4), (0, 4, 4, 0), 4, 64, linear=True, adm=64 + 5 * 32)
    texts = {"conditioner.embedders.0.model": CLIP_G}
    own = {"side": 128, "scaling": 0.13025} | options
    kind = "StableDiffusionXLImg2ImgPipeline"
    return Checkpoint(kind, unet, texts, (1, 1, 2, 2), "EulerDiscreteScheduler", **own)
