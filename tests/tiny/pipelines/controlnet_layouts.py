"""ControlNets of transformers as they are shared in one file: diffusers' weights by other names."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from tests.tiny.pipelines.transformer_layouts import Tensors, original

LAST_HINT = 14


def xlabs(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """As XLabs and kohya's trainer write those for Flux."""
    hints = {name: each for name, each in weights.items() if name.startswith("input_hint_block.")}
    own = original("flux", {name: each for name, each in weights.items() if name not in hints})
    made = {
        re.sub(r"^controlnet_x_embedder\.", "pos_embed_input.", name): each
        for name, each in own.items()
    }
    for name, each in hints.items():
        layer, end = name.removeprefix("input_hint_block.").rsplit(".", 1)
        ends = {"conv_in": 0, "conv_out": LAST_HINT}
        number = ends[layer] if layer in ends else 2 * (int(layer.removeprefix("blocks.")) + 1)
        made[f"input_hint_block.{number}.{end}"] = each
    return made


def stability(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """As Stability writes those for Stable Diffusion 3.5 large."""
    blocks = {
        name: each for name, each in weights.items() if name.startswith("transformer_blocks.")
    }
    made = {name: each for name, each in weights.items() if name not in blocks}
    for name, each in original("sd3", blocks).items():
        made[re.sub(r"^joint_blocks\.(\d+)\.x_block\.", r"transformer_blocks.\1.", name)] = each
    return made


def diffusers(weights: Mapping[str, torch.Tensor]) -> Tensors:
    """As InstantX and most others write theirs."""
    return dict(weights)
