"""The configuration of a transformer's ControlNet, from the names and shapes of its tensors."""

from __future__ import annotations

import re
from typing import Any

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

HEAD_WIDTH = 64
"""Of Stable Diffusion 3, whose first nets have no norm that tells it."""

XLABS, STABILITY = "pos_embed_input.weight", "transformer_blocks.0.attn.qkv.weight"
"""By which nets are told that are shared under other names than diffusers': those for Flux by XLabs
and of kohya's trainer, and those of Stability for Stable Diffusion 3.5 large."""

Config = dict[str, Any]


def steering_config(shapes: Shapes) -> Config | None:
    """What diffusers' class of a transformer's ControlNet is made with, in any of the layouts that
    they are shared in; None for what is for a UNet. Raises SourceError for relatives that no class
    is made for."""
    if "controlnet_blocks.0.linear.weight" in shapes:
        raise SourceError("it is MistoLine's, a kind of its own")
    if XLABS in shapes:
        return _xlabs(shapes)
    if "pos_embed_input.proj.weight" in shapes:
        return _sd3(shapes)
    if "controlnet_x_embedder.weight" not in shapes:
        return None
    return _qwen_image(shapes) if "txt_norm.weight" in shapes else _flux(shapes)


def _flux(shapes: Shapes) -> Config:
    inner, channels = shapes["x_embedder.weight"][:2]
    more = shapes["controlnet_x_embedder.weight"][1] - channels
    if more:
        raise SourceError(f"it is shown {more} channels beside the latents, a mask")
    hints = shapes.get("input_hint_block.conv_out.weight")
    modes = shapes.get("controlnet_mode_embedder.weight")
    told = "time_text_embed"
    return _flux_config(shapes["transformer_blocks.0.attn.norm_q.weight"][0], inner) | {
        "in_channels": channels,
        "num_layers": _count(shapes, r"transformer_blocks\.(\d+)\."),
        "num_single_layers": _count(shapes, r"single_transformer_blocks\.(\d+)\."),
        "joint_attention_dim": shapes["context_embedder.weight"][1],
        "pooled_projection_dim": shapes[f"{told}.text_embedder.linear_1.weight"][1],
        "guidance_embeds": f"{told}.guidance_embedder.linear_1.weight" in shapes,
        "conditioning_embedding_channels": hints and hints[0],
        "num_mode": modes and modes[0],
    }


def _xlabs(shapes: Shapes) -> Config:
    if any(name.startswith("controlnet_blocks_for_single.") for name in shapes):
        raise SourceError("it steers the single blocks too, which diffusers' class does otherwise")
    inner, channels = shapes["img_in.weight"][:2]
    head = shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0]
    return _flux_config(head, inner) | {
        "in_channels": channels,
        "num_layers": _count(shapes, r"double_blocks\.(\d+)\."),
        "num_single_layers": 0,
        "joint_attention_dim": shapes["txt_in.weight"][1],
        "pooled_projection_dim": shapes["vector_in.in_layer.weight"][1],
        "guidance_embeds": "guidance_in.in_layer.weight" in shapes,
        "conditioning_embedding_channels": shapes["input_hint_block.14.weight"][0],
        "num_mode": None,
    }


def _flux_config(head: int, inner: int) -> Config:
    return {
        "_class_name": "FluxControlNetModel",
        # Of a picture whose pixels it looks at.
        "patch_size": 2,
        "attention_head_dim": head,
        "num_attention_heads": inner // head,
        "axes_dims_rope": _axes(head),
    }


def _sd3(shapes: Shapes) -> Config:
    inner, shown, patch, _ = shapes["pos_embed_input.proj.weight"]
    own = shapes.get("pos_embed.proj.weight")
    places = shapes.get("pos_embed.pos_embed")
    text = shapes.get("context_embedder.weight")
    norm = shapes.get("transformer_blocks.0.attn.norm_q.weight")
    head = norm[0] if norm else inner // max(1, inner // HEAD_WIDTH)
    channels = own[1] if own else shown
    doubled = r"transformer_blocks\.(\d+)\.attn2\."
    return {
        "_class_name": "SD3ControlNetModel",
        "patch_size": patch,
        "in_channels": channels,
        "out_channels": channels,
        "extra_conditioning_channels": shown - channels,
        "num_layers": _count(shapes, r"transformer_blocks\.(\d+)\."),
        "attention_head_dim": head,
        "num_attention_heads": inner // head,
        "joint_attention_dim": text and text[1],
        "caption_projection_dim": inner,
        "pooled_projection_dim": shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        "pos_embed_max_size": round(places[-2] ** 0.5) if places else None,
        "pos_embed_type": "sincos" if own else None,
        "use_pos_embed": own is not None,
        "qk_norm": "rms_norm" if norm else None,
        "dual_attention_layers": sorted(_numbers(shapes, doubled)),
        # Those that are told no words are told the whole prompt.
        "force_zeros_for_pooled_projection": text is not None,
    }


def _qwen_image(shapes: Shapes) -> Config:
    inner, channels = shapes["img_in.weight"][:2]
    head = shapes["transformer_blocks.0.attn.norm_q.weight"][0]
    return {
        "_class_name": "QwenImageControlNetModel",
        "patch_size": 2,
        "in_channels": channels,
        "out_channels": channels // 4,
        "num_layers": _count(shapes, r"transformer_blocks\.(\d+)\."),
        "attention_head_dim": head,
        "num_attention_heads": inner // head,
        "joint_attention_dim": shapes["txt_in.weight"][1],
        "axes_dims_rope": _axes(head),
        "extra_condition_channels": shapes["controlnet_x_embedder.weight"][1] - channels,
    }


def _axes(head: int) -> list[int]:
    """How many numbers of each head tell frame, line and column: those of Flux and Qwen-Image."""
    frame = head // 8
    return [frame, (head - frame) // 2, (head - frame) // 2]


def _numbers(shapes: Shapes, pattern: str) -> set[int]:
    found = (re.match(pattern, name) for name in shapes)
    return {int(each[1]) for each in found if each}


def _count(shapes: Shapes, pattern: str) -> int:
    return len(_numbers(shapes, pattern))
