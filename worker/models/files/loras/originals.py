"""From the layers of a transformer as its inventors name them to those of diffusers.

What is one layer there is often several here: each takes some of the rows of what it adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Rows = list[tuple[int, int]]
"""Which rows of the outputs a layer takes, one stretch after the other."""

Layer = tuple[str, Rows]

Pieces = Callable[[int, int], list[Layer]]
"""From how many outputs and inputs a layer has to what it is here, `{}` for the block's number."""

XLABS = (
    (r"double_blocks\.(\d+)\.processor\.(qkv|proj)_lora1\.", r"double_blocks.\1.img_attn.\2.lora_"),
    (r"double_blocks\.(\d+)\.processor\.(qkv|proj)_lora2\.", r"double_blocks.\1.txt_attn.\2.lora_"),
    (r"single_blocks\.(\d+)\.processor\.(qkv|proj)_lora\.", r"single_blocks.\1.\2.lora_"),
)
"""How one trainer of Flux names its layers: by the part that runs them."""


def usual(name: str) -> str:
    """A tensor's name in the way of the other trainers."""
    for pattern, instead in XLABS:
        name = re.sub(pattern, instead, name)
    return name


def layers_of(family: str, path: str, outputs: int, inputs: int) -> list[Layer]:
    """What a layer of the original code is in diffusers' transformer of a family: itself, where it
    is named so already."""
    for pattern, pieces in ORIGINALS.get(family, ()):
        if found := re.fullmatch(pattern, path):
            block = found[1] if found.re.groups else ""
            return [(name.format(block), rows) for name, rows in pieces(outputs, inputs)]
    return [(path, [(0, outputs)])]


def _same(name: str) -> Pieces:
    return lambda outputs, inputs: [(name, [(0, outputs)])]


def _swapped(name: str) -> Pieces:
    """Scale and shift stand the other way round."""
    return lambda outputs, inputs: [(name, [(outputs // 2, outputs), (0, outputs // 2)])]


def _qkv(*names: str) -> Pieces:
    """Queries are as wide as what the layer reads; keys and values share the rest."""

    def pieces(outputs: int, inputs: int) -> list[Layer]:
        rest = (outputs - inputs) // 2
        ends = (0, inputs, inputs + rest, outputs)
        return [(name, [(ends[n], ends[n + 1])]) for n, name in enumerate(names)]

    return pieces


def _attention(at: str) -> Pieces:
    return _qkv(f"{at}_to_q", f"{at}_to_k", f"{at}_to_v")


def _flux_single(outputs: int, inputs: int) -> list[Layer]:
    at, names = "single_transformer_blocks_{}", ("attn_to_q", "attn_to_k", "attn_to_v")
    qkv = [(f"{at}_{name}", [(n * inputs, (n + 1) * inputs)]) for n, name in enumerate(names)]
    return [*qkv, (f"{at}_proj_mlp", [(3 * inputs, outputs)])]


def _last_or_not(name: str) -> Pieces:
    """The last block's modulates twice only, and in the other order."""

    def pieces(outputs: int, inputs: int) -> list[Layer]:
        return (_swapped if outputs == 2 * inputs else _same)(name)(outputs, inputs)

    return pieces


BLOCK, SINGLE = "transformer_blocks_{}", "single_transformer_blocks_{}"
TOLD = "time_text_embed"

FLUX: tuple[tuple[str, Pieces], ...] = (
    (r"double_blocks_(\d+)_img_attn_qkv", _attention(f"{BLOCK}_attn")),
    (
        r"double_blocks_(\d+)_txt_attn_qkv",
        _qkv(*(f"{BLOCK}_attn_add_{each}_proj" for each in "qkv")),
    ),
    (r"double_blocks_(\d+)_img_attn_proj", _same(f"{BLOCK}_attn_to_out_0")),
    (r"double_blocks_(\d+)_txt_attn_proj", _same(f"{BLOCK}_attn_to_add_out")),
    (r"double_blocks_(\d+)_img_mlp_0", _same(f"{BLOCK}_ff_net_0_proj")),
    (r"double_blocks_(\d+)_img_mlp_2", _same(f"{BLOCK}_ff_net_2")),
    (r"double_blocks_(\d+)_txt_mlp_0", _same(f"{BLOCK}_ff_context_net_0_proj")),
    (r"double_blocks_(\d+)_txt_mlp_2", _same(f"{BLOCK}_ff_context_net_2")),
    (r"double_blocks_(\d+)_img_mod_lin", _same(f"{BLOCK}_norm1_linear")),
    (r"double_blocks_(\d+)_txt_mod_lin", _same(f"{BLOCK}_norm1_context_linear")),
    (r"single_blocks_(\d+)_linear1", _flux_single),
    (r"single_blocks_(\d+)_qkv", _attention(f"{SINGLE}_attn")),
    (r"single_blocks_(\d+)_(?:linear2|proj)", _same(f"{SINGLE}_proj_out")),
    (r"single_blocks_(\d+)_modulation_lin", _same(f"{SINGLE}_norm_linear")),
    (r"img_in", _same("x_embedder")),
    (r"txt_in", _same("context_embedder")),
    (r"time_in_in_layer", _same(f"{TOLD}_timestep_embedder_linear_1")),
    (r"time_in_out_layer", _same(f"{TOLD}_timestep_embedder_linear_2")),
    (r"vector_in_in_layer", _same(f"{TOLD}_text_embedder_linear_1")),
    (r"vector_in_out_layer", _same(f"{TOLD}_text_embedder_linear_2")),
    (r"guidance_in_in_layer", _same(f"{TOLD}_guidance_embedder_linear_1")),
    (r"guidance_in_out_layer", _same(f"{TOLD}_guidance_embedder_linear_2")),
    (r"final_layer_linear", _same("proj_out")),
    (r"final_layer_adaLN_modulation_1", _swapped("norm_out_linear")),
)

SD3: tuple[tuple[str, Pieces], ...] = (
    (r"joint_blocks_(\d+)_x_block_attn_qkv", _attention(f"{BLOCK}_attn")),
    (r"joint_blocks_(\d+)_x_block_attn2_qkv", _attention(f"{BLOCK}_attn2")),
    (
        r"joint_blocks_(\d+)_context_block_attn_qkv",
        _qkv(*(f"{BLOCK}_attn_add_{each}_proj" for each in "qkv")),
    ),
    (r"joint_blocks_(\d+)_x_block_attn_proj", _same(f"{BLOCK}_attn_to_out_0")),
    (r"joint_blocks_(\d+)_x_block_attn2_proj", _same(f"{BLOCK}_attn2_to_out_0")),
    (r"joint_blocks_(\d+)_context_block_attn_proj", _same(f"{BLOCK}_attn_to_add_out")),
    (r"joint_blocks_(\d+)_x_block_mlp_fc1", _same(f"{BLOCK}_ff_net_0_proj")),
    (r"joint_blocks_(\d+)_x_block_mlp_fc2", _same(f"{BLOCK}_ff_net_2")),
    (r"joint_blocks_(\d+)_context_block_mlp_fc1", _same(f"{BLOCK}_ff_context_net_0_proj")),
    (r"joint_blocks_(\d+)_context_block_mlp_fc2", _same(f"{BLOCK}_ff_context_net_2")),
    (r"joint_blocks_(\d+)_x_block_adaLN_modulation_1", _same(f"{BLOCK}_norm1_linear")),
    (
        r"joint_blocks_(\d+)_context_block_adaLN_modulation_1",
        _last_or_not(f"{BLOCK}_norm1_context_linear"),
    ),
    (r"t_embedder_mlp_0", _same(f"{TOLD}_timestep_embedder_linear_1")),
    (r"t_embedder_mlp_2", _same(f"{TOLD}_timestep_embedder_linear_2")),
    (r"y_embedder_mlp_0", _same(f"{TOLD}_text_embedder_linear_1")),
    (r"y_embedder_mlp_2", _same(f"{TOLD}_text_embedder_linear_2")),
    (r"x_embedder_proj", _same("pos_embed_proj")),
    (r"final_layer_linear", _same("proj_out")),
    (r"final_layer_adaLN_modulation_1", _swapped("norm_out_linear")),
)

REFINED = r"((?:layers|noise_refiner|context_refiner)_\d+)"

LUMINA2: tuple[tuple[str, Pieces], ...] = (
    (rf"{REFINED}_attention_qkv", _attention("{}_attn")),
    (rf"{REFINED}_attention_out", _same("{}_attn_to_out_0")),
    (rf"{REFINED}_feed_forward_w1", _same("{}_feed_forward_linear_1")),
    (rf"{REFINED}_feed_forward_w2", _same("{}_feed_forward_linear_2")),
    (rf"{REFINED}_feed_forward_w3", _same("{}_feed_forward_linear_3")),
    (rf"{REFINED}_adaLN_modulation_1", _same("{}_norm1_linear")),
)

Z_IMAGE: tuple[tuple[str, Pieces], ...] = (
    (rf"{REFINED}_attention_qkv", _attention("{}_attention")),
    (rf"{REFINED}_attention_out", _same("{}_attention_to_out_0")),
    (r"x_embedder", _same("all_x_embedder_2-1")),
    (r"final_layer_linear", _same("all_final_layer_2-1_linear")),
    (r"final_layer_adaLN_modulation_1", _same("all_final_layer_2-1_adaLN_modulation_1")),
)

ORIGINALS = {"flux": FLUX, "sd3": SD3, "lumina2": LUMINA2, "z-image": Z_IMAGE}
"""Qwen-Image, Sana and PixArt are trained under diffusers' own names."""
