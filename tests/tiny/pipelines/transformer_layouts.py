"""Transformers as their inventors share them: diffusers' weights under the original names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch

Tensors = dict[str, torch.Tensor]
Names = Mapping[str, Sequence[str]]
"""A layer of the original code, and those of diffusers that it is; {} is the block's number."""

QKV = ("to_q", "to_k", "to_v")
ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")


def _block(*names: str, at: str = "transformer_blocks.{}") -> list[str]:
    return [f"{at}.{name}" for name in names]


FLUX: Names = {
    "double_blocks.{}.img_attn.qkv": _block(*(f"attn.{each}" for each in QKV)),
    "double_blocks.{}.txt_attn.qkv": _block(*(f"attn.{each}" for each in ADDED)),
    "double_blocks.{}.img_attn.proj": _block("attn.to_out.0"),
    "double_blocks.{}.txt_attn.proj": _block("attn.to_add_out"),
    "double_blocks.{}.img_mlp.0": _block("ff.net.0.proj"),
    "double_blocks.{}.img_mlp.2": _block("ff.net.2"),
    "double_blocks.{}.txt_mlp.0": _block("ff_context.net.0.proj"),
    "double_blocks.{}.txt_mlp.2": _block("ff_context.net.2"),
    "double_blocks.{}.img_mod.lin": _block("norm1.linear"),
    "double_blocks.{}.txt_mod.lin": _block("norm1_context.linear"),
    "double_blocks.{}.img_attn.norm.query_norm": _block("attn.norm_q"),
    "double_blocks.{}.img_attn.norm.key_norm": _block("attn.norm_k"),
    "double_blocks.{}.txt_attn.norm.query_norm": _block("attn.norm_added_q"),
    "double_blocks.{}.txt_attn.norm.key_norm": _block("attn.norm_added_k"),
    "single_blocks.{}.linear1": _block(
        *(f"attn.{each}" for each in QKV), "proj_mlp", at="single_transformer_blocks.{}"
    ),
    "single_blocks.{}.linear2": _block("proj_out", at="single_transformer_blocks.{}"),
    "single_blocks.{}.modulation.lin": _block("norm.linear", at="single_transformer_blocks.{}"),
    "single_blocks.{}.norm.query_norm": _block("attn.norm_q", at="single_transformer_blocks.{}"),
    "single_blocks.{}.norm.key_norm": _block("attn.norm_k", at="single_transformer_blocks.{}"),
    "img_in": ["x_embedder"],
    "txt_in": ["context_embedder"],
    "time_in.in_layer": ["time_text_embed.timestep_embedder.linear_1"],
    "time_in.out_layer": ["time_text_embed.timestep_embedder.linear_2"],
    "vector_in.in_layer": ["time_text_embed.text_embedder.linear_1"],
    "vector_in.out_layer": ["time_text_embed.text_embedder.linear_2"],
    "guidance_in.in_layer": ["time_text_embed.guidance_embedder.linear_1"],
    "guidance_in.out_layer": ["time_text_embed.guidance_embedder.linear_2"],
    "final_layer.linear": ["proj_out"],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}

SD3: Names = {
    "joint_blocks.{}.x_block.attn.qkv": _block(*(f"attn.{each}" for each in QKV)),
    "joint_blocks.{}.context_block.attn.qkv": _block(*(f"attn.{each}" for each in ADDED)),
    "joint_blocks.{}.x_block.attn.proj": _block("attn.to_out.0"),
    "joint_blocks.{}.context_block.attn.proj": _block("attn.to_add_out"),
    "joint_blocks.{}.x_block.attn2.qkv": _block(*(f"attn2.{each}" for each in QKV)),
    "joint_blocks.{}.x_block.attn2.proj": _block("attn2.to_out.0"),
    "joint_blocks.{}.x_block.attn.ln_q": _block("attn.norm_q"),
    "joint_blocks.{}.x_block.attn.ln_k": _block("attn.norm_k"),
    "joint_blocks.{}.x_block.attn2.ln_q": _block("attn2.norm_q"),
    "joint_blocks.{}.x_block.attn2.ln_k": _block("attn2.norm_k"),
    "joint_blocks.{}.context_block.attn.ln_q": _block("attn.norm_added_q"),
    "joint_blocks.{}.context_block.attn.ln_k": _block("attn.norm_added_k"),
    "joint_blocks.{}.x_block.mlp.fc1": _block("ff.net.0.proj"),
    "joint_blocks.{}.x_block.mlp.fc2": _block("ff.net.2"),
    "joint_blocks.{}.context_block.mlp.fc1": _block("ff_context.net.0.proj"),
    "joint_blocks.{}.context_block.mlp.fc2": _block("ff_context.net.2"),
    "joint_blocks.{}.x_block.adaLN_modulation.1": _block("norm1.linear"),
    "joint_blocks.{}.context_block.adaLN_modulation.1": _block("norm1_context.linear"),
    "t_embedder.mlp.0": ["time_text_embed.timestep_embedder.linear_1"],
    "t_embedder.mlp.2": ["time_text_embed.timestep_embedder.linear_2"],
    "y_embedder.mlp.0": ["time_text_embed.text_embedder.linear_1"],
    "y_embedder.mlp.2": ["time_text_embed.text_embedder.linear_2"],
    "context_embedder": ["context_embedder"],
    "x_embedder.proj": ["pos_embed.proj"],
    "final_layer.linear": ["proj_out"],
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}

Z_IMAGE: Names = {
    **{
        f"{at}.{{}}.attention.qkv": _block(*QKV, at=f"{at}.{{}}.attention")
        for at in ("layers", "noise_refiner", "context_refiner")
    },
    **{
        f"{at}.{{}}.attention.{ours}": [f"{at}.{{}}.attention.{theirs}"]
        for at in ("layers", "noise_refiner", "context_refiner")
        for ours, theirs in (("out", "to_out.0"), ("q_norm", "norm_q"), ("k_norm", "norm_k"))
    },
    "x_embedder": ["all_x_embedder.2-1"],
    "final_layer.linear": ["all_final_layer.2-1.linear"],
    "final_layer.adaLN_modulation.1": ["all_final_layer.2-1.adaLN_modulation.1"],
}

LAYOUTS = {"flux": FLUX, "sd3": SD3, "z-image": Z_IMAGE}


def original(family: str, weights: Mapping[str, torch.Tensor]) -> Tensors:
    """A transformer's weights under the names of the family's inventors."""
    left = dict(weights)
    made: Tensors = {}
    names = LAYOUTS.get(family, {})
    for theirs, ours in names.items():
        for number in range(64 if "{}" in theirs else 1):
            for end in ("weight", "bias"):
                parts = [left.pop(f"{name.format(number)}.{end}", None) for name in ours]
                if all(part is None for part in parts):
                    continue
                whole = torch.cat([part for part in parts if part is not None])
                swapped = ours[0] == "norm_out.linear" or (
                    ours[0].endswith("norm1_context.linear") and _is_last(weights, number)
                )
                if swapped and family in ("flux", "sd3"):
                    whole = torch.cat(whole.chunk(2)[::-1])
                name = theirs.format(number)
                scale = family == "flux" and name.endswith("_norm")
                made[f"{name}.{'scale' if scale else end}"] = whole.contiguous()
    for name, tensor in left.items():
        made["pos_embed" if name == "pos_embed.pos_embed" else name] = tensor.contiguous()
    return made


def _is_last(weights: Mapping[str, torch.Tensor], number: int) -> bool:
    """Stable Diffusion 3's last block of text is read once more and not written."""
    found = (re.match(r"transformer_blocks\.(\d+)", name) for name in weights)
    last = max(int(each[1]) for each in found if each)
    return number == last and f"transformer_blocks.{last}.ff_context.net.2.weight" not in weights
