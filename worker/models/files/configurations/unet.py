"""The configuration of a UNet, and of a ControlNet, from the names and shapes of its tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

CROSS_ATTENTION = re.compile(r"attn2\.to_k\.weight$")
LINEAR = re.compile(r"\.proj_in\.weight$")

HEADS = 8
"""Attention heads of Stable Diffusion 1 at every level; its successors have heads of a fixed width,
and project with linear layers, by which they are told."""
HEAD_WIDTH = 64

TIME_IDS = {"sdxl": 6, "sdxl-refiner": 5}
"""Numbers of size, crop and, in the refiner, of beauty that the UNet is told beside the text."""


@dataclass(frozen=True)
class Level:
    """One level of the way down: its channels, its layers, and the depth of its transformers."""

    channels: int
    layers: int
    depth: int


def unet_config(shapes: Shapes, sample_size: int, ids: int, pooled: int) -> dict[str, Any]:
    """What diffusers' UNet2DConditionModel is made with, for tensors in the original layout.

    `pooled` is how wide the pooled text is that comes with `ids` numbers, 0 without them. Raises
    SourceError for a shape that none of the families has.
    """
    levels = _levels_ldm(shapes)
    middle = _depth(shapes, "middle_block.1.")
    _check_symmetry(shapes, levels, middle)
    config = _shared(shapes, levels, middle) | {
        "_class_name": "UNet2DConditionModel",
        "sample_size": sample_size,
        "center_input_sample": False,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "up_block_types": [
            "CrossAttnUpBlock2D" if level.depth else "UpBlock2D" for level in reversed(levels)
        ],
        # In fp16 the attention of Stable Diffusion 2.1 leaves the range of its numbers.
        "upcast_attention": _is_linear(shapes) and not ids,
    }
    guidance = shapes.get("time_embed.cond_proj.weight")
    if guidance:
        config["time_cond_proj_dim"] = guidance[1]
    return config | _added(shapes.get("label_emb.0.0.weight"), ids, pooled)


def controlnet_config(shapes: Shapes) -> dict[str, Any]:
    """What diffusers' ControlNetModel is made with, for tensors in either layout.

    Raises SourceError.
    """
    original = "input_blocks.0.0.weight" in shapes
    levels = _levels_ldm(shapes) if original else _levels_diffusers(shapes)
    middle = _depth(shapes, "middle_block.1." if original else "mid_block.attentions.0.")
    hints = _hints(shapes, original)
    first = shapes["input_blocks.0.0.weight" if original else "conv_in.weight"]
    added = shapes.get("label_emb.0.0.weight" if original else "add_embedding.linear_1.weight")
    return (
        _shared(shapes, levels, middle)
        | {
            "_class_name": "ControlNetModel",
            "in_channels": first[1],
            "conditioning_channels": hints[0][1],
            "conditioning_embedding_out_channels": [shape[0] for shape in hints],
            "controlnet_conditioning_channel_order": "rgb",
        }
        | _added(added, TIME_IDS["sdxl"], 0)
    )


def _shared(shapes: Shapes, levels: list[Level], middle: int) -> dict[str, Any]:
    # A level without transformers takes no notice of the depth; the last one's is the middle's.
    depths = [level.depth or 1 for level in levels[:-1]] + [levels[-1].depth or middle or 1]
    heads = (
        [max(1, level.channels // HEAD_WIDTH) for level in levels] if _is_linear(shapes) else HEADS
    )
    text = next((shapes[name][1] for name in shapes if CROSS_ATTENTION.search(name)), 0)
    return {
        "block_out_channels": [level.channels for level in levels],
        "layers_per_block": levels[0].layers,
        "down_block_types": [
            "CrossAttnDownBlock2D" if level.depth else "DownBlock2D" for level in levels
        ],
        "transformer_layers_per_block": depths if max(depths) > 1 else 1,
        "cross_attention_dim": text,
        # diffusers' name for the number of heads.
        "attention_head_dim": heads,
        "use_linear_projection": _is_linear(shapes),
        "act_fn": "silu",
        "norm_num_groups": 32,
        "norm_eps": 1e-05,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
    }


def _added(added: tuple[int, ...] | None, ids: int, pooled: int) -> dict[str, Any]:
    """What the UNet is told beside the prompt and the time."""
    if added is None:
        return {}
    if not ids:
        return {"class_embed_type": "projection", "projection_class_embeddings_input_dim": added[1]}
    # SDXL's has 256 for each of the numbers; what is left is the pooled text.
    width = (added[1] - pooled) // ids if pooled else 256
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": width,
        "projection_class_embeddings_input_dim": added[1],
    }


def _levels_ldm(shapes: Shapes) -> list[Level]:
    levels: list[Level] = []
    channels = layers = depth = 0
    block = 1
    while True:
        resnet = shapes.get(f"input_blocks.{block}.0.in_layers.2.weight")
        if resnet is not None:
            channels, layers = resnet[0], layers + 1
            depth = max(depth, _depth(shapes, f"input_blocks.{block}.1."))
        else:
            if channels:
                levels.append(Level(channels, layers, depth))
            channels = layers = depth = 0
            if f"input_blocks.{block}.0.op.weight" not in shapes:
                return _checked(levels)
        block += 1


def _levels_diffusers(shapes: Shapes) -> list[Level]:
    levels: list[Level] = []
    while True:
        at = f"down_blocks.{len(levels)}."
        resnets = [name for name in shapes if re.match(rf"{at}resnets\.\d+\.conv1\.weight", name)]
        if not resnets:
            return _checked(levels)
        depth = _depth(shapes, f"{at}attentions.0.")
        levels.append(Level(shapes[resnets[0]][0], len(resnets), depth))


def _checked(levels: list[Level]) -> list[Level]:
    if not levels or len({level.layers for level in levels}) > 1:
        raise SourceError(
            "its UNet has no levels of the same number of layers: it is of no family that a single"
            " file is read for; name a model of the same shape as `config`"
        )
    return levels


def _check_symmetry(shapes: Shapes, levels: list[Level], middle: int) -> None:
    """Refuses what has another depth on its way up than on its way down (SSD-1B, Vega)."""
    layers = levels[0].layers + 1
    up = [
        {_depth(shapes, f"output_blocks.{level * layers + layer}.1.") for layer in range(layers)}
        for level in range(len(levels))
    ]
    down = [{level.depth} for level in reversed(levels)]
    if up != down or (levels[-1].depth and middle != levels[-1].depth):
        raise SourceError(
            "its UNet was cut down: it is not as deep on its way up as on its way down; name a"
            " model of the same shape as `config`"
        )


def _depth(shapes: Shapes, prefix: str) -> int:
    blocks = re.compile(re.escape(prefix) + r"transformer_blocks\.(\d+)\.")
    found = {int(match[1]) for match in map(blocks.match, shapes) if match}
    return max(found, default=-1) + 1


def _is_linear(shapes: Shapes) -> bool:
    return any(len(shapes[name]) == 2 for name in shapes if LINEAR.search(name))


def _hints(shapes: Shapes, original: bool) -> list[tuple[int, ...]]:
    """The convolutions of a ControlNet's picture that widen it, in their order."""
    if not original:
        first = shapes["controlnet_cond_embedding.conv_in.weight"]
        wider = (f"controlnet_cond_embedding.blocks.{number}.weight" for number in range(1, 99, 2))
        return [first, *(shapes[name] for name in wider if name in shapes)]
    # Pairs of one that keeps the width and one that widens, between the first and the last.
    each = sorted(
        int(match[1])
        for match in (re.fullmatch(r"input_hint_block\.(\d+)\.weight", name) for name in shapes)
        if match
    )
    convolutions = [shapes[f"input_hint_block.{number}.weight"] for number in each]
    return [convolutions[0], *convolutions[2:-1:2]]
