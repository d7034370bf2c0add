"""What of a model a single file holds: a transformer, text encoders, an autoencoder. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

WITHIN = ("model.diffusion_model.", "diffusion_model.", "")
"""How the tensors of a transformer may begin: in ComfyUI's checkpoints, else without anything."""

AUTOENCODERS = ("first_stage_model.", "vae.")

ENCODERS: Mapping[str, tuple[str, ...]] = {
    "clip_l": ("text_encoders.clip_l.transformer.", "text_encoders.clip_l."),
    "clip_g": ("text_encoders.clip_g.transformer.", "text_encoders.clip_g."),
    "t5": ("text_encoders.t5xxl.transformer.", "text_encoders.t5xxl."),
}
"""How checkpoints that hold their text encoders name them."""

TRANSFORMERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("flux", ("double_blocks.0.img_attn.qkv.weight", "txt_in.weight")),
    ("flux", ("single_transformer_blocks.0.attn.to_q.weight", "context_embedder.weight")),
    ("sd3", ("joint_blocks.0.x_block.attn.qkv.weight",)),
    ("sd3", ("transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.proj.weight")),
    ("qwen-image", ("transformer_blocks.0.img_mod.1.weight", "img_in.weight")),
    ("z-image", ("layers.0.attention.qkv.weight", "cap_embedder.0.weight", "x_pad_token")),
    ("z-image", ("layers.0.attention.to_q.weight", "cap_embedder.0.weight", "x_pad_token")),
)
"""Tensors that only a transformer of the family has all of."""

RELATIVES = ("distilled_guidance_layer.", "double_stream_modulation_img.", "controlnet_")
"""What Chroma, Flux.2 and ControlNets of transformers have beside tensors of these names."""

CLASSES: Mapping[str, str] = {
    "flux": "FluxTransformer2DModel",
    "sd3": "SD3Transformer2DModel",
    "qwen-image": "QwenImageTransformer2DModel",
    "z-image": "ZImageTransformer2DModel",
}
"""The transformers' classes in diffusers."""

TITLES: Mapping[str, str] = {
    "flux": "FLUX.1",
    "sd3": "Stable Diffusion 3",
    "qwen-image": "Qwen-Image",
    "z-image": "Z-Image",
}


@dataclass(frozen=True)
class Piece:
    """A part of a model: the tensors of a file that begin with `prefix`, which is left out."""

    file: Path
    prefix: str = ""


@dataclass(frozen=True)
class Single:
    """What a file with a transformer holds: its family, how the transformer's tensors begin, and,
    where they are there too, those of text encoders and autoencoder."""

    family: str
    prefix: str
    encoders: Mapping[str, str]
    vae: str | None


def transformer_in(shapes: Shapes) -> Single | None:
    """What is in a file that holds a transformer of a known family; None for any other file."""
    for prefix in WITHIN:
        if any(f"{prefix}{each}" in name for each in RELATIVES for name in shapes):
            return None
        for family, names in TRANSFORMERS:
            if all(f"{prefix}{name}" in shapes for name in names):
                encoders = {
                    kind: found
                    for kind, prefixes in ENCODERS.items()
                    if (found := _first(shapes, prefixes)) is not None
                }
                return Single(family, prefix, encoders, _first(shapes, AUTOENCODERS))
    return None


def _first(shapes: Shapes, prefixes: tuple[str, ...]) -> str | None:
    return next((p for p in prefixes if any(name.startswith(p) for name in shapes)), None)


def encoder_in(shapes: Shapes, prefix: str = "") -> tuple[str, int] | None:
    """The kind of text encoder that a file holds, and how wide it is; None for no encoder."""
    names = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    for before in ("text_model.", ""):
        if (clip := names.get(f"{before}embeddings.token_embedding.weight")) is not None:
            return "CLIP", clip[-1]
    if (t5 := names.get("encoder.block.0.layer.0.SelfAttention.q.weight")) is not None:
        return "T5", t5[-1]
    for before in ("model.", "model.language_model.", "language_model.model.", ""):
        if (own := names.get(f"{before}layers.0.self_attn.q_proj.weight")) is not None:
            sees = any(name.startswith(("visual.", "model.visual.")) for name in names)
            return "Qwen2.5-VL" if sees else "Qwen3", own[-1]
    return None


def encoder_of(model_class: str, config: Mapping[str, Any]) -> tuple[str, int | None]:
    """The same of a part of a model, by its class and its configuration."""
    text: Mapping[str, Any] = config.get("text_config") or config
    return KINDS.get(model_class, model_class), text.get("hidden_size", text.get("d_model"))


KINDS: Mapping[str, str] = {
    "CLIPTextModel": "CLIP",
    "CLIPTextModelWithProjection": "CLIP",
    "T5EncoderModel": "T5",
    "Qwen2_5_VLForConditionalGeneration": "Qwen2.5-VL",
    "Qwen3Model": "Qwen3",
    "Qwen3ForCausalLM": "Qwen3",
}
"""Text encoders by their classes in transformers."""

WELL_KNOWN: Mapping[str, str] = {
    "CLIP": "clip_l.safetensors",
    "T5": "t5xxl_fp16.safetensors",
    "Qwen2.5-VL": "qwen_2.5_vl_7b.safetensors",
    "Qwen3": "qwen_3_4b.safetensors",
}
"""Names under which each is shared."""


def refuse_scaled(file: Path, shapes: Shapes) -> None:
    """Raises SourceError for weights that are no use without scales that nobody here reads."""
    if any(name.endswith((".scale_weight", ".weight_scale", "scaled_fp8")) for name in shapes):
        raise SourceError(
            f"{file} has fp8 weights with scales of their own, which are not read; take the file"
            " in bf16 or fp16, plain fp8, or GGUF."
        )
