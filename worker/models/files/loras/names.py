"""From a tensor's name in a LoRA to the layer that it changes.

Kohya's trainers, LyCORIS, diffusers, peft and ComfyUI each name them in a way of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from worker.models.files.loras.originals import usual

Part = Literal["unet", "text_encoder", "text_encoder_2", "text_encoder_3"]
"""The transformer of a family that has one goes by the UNet's name."""

TENSOR = re.compile(
    r"(?P<path>.+?)\.(?P<tensor>"
    r"lora_(?:down|up|mid)\.weight|lora_[AB](?:\.default)?\.weight"
    r"|lora\.(?:down|up)\.weight|lora_linear_layer\.(?:down|up)\.weight"
    r"|lora_magnitude_vector(?:\.default)?(?:\.weight)?|alpha|dora_scale|scalar"
    r"|hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)"
    r"|oft_blocks|rescale|diff_b|diff|w_norm|b_norm)"
)

SAME = (
    (re.compile(r"lora_A.*|lora\.down.*|lora_linear_layer\.down.*|lora_down.*"), "down"),
    (re.compile(r"lora_B.*|lora\.up.*|lora_linear_layer\.up.*|lora_up.*"), "up"),
    (re.compile(r"lora_mid.*"), "mid"),
    (re.compile(r"lora_magnitude_vector.*"), "dora_scale"),
)
"""Names of one thing."""

PREFIXES: tuple[tuple[re.Pattern[str], Part], ...] = (
    (
        re.compile(r"lora_te3_|text_encoder_3\.|(?:text_encoders\.)?t5xxl\.(?:transformer\.)?"),
        "text_encoder_3",
    ),
    (
        re.compile(
            r"lora_te2_|text_encoder_2\.|lora_te2\.|(?:text_encoders\.)?clip_g\.(?:transformer\.)?"
        ),
        "text_encoder_2",
    ),
    (
        re.compile(
            r"lora_te1?_|text_encoder\.|text_encoders\.clip_l\.(?:transformer\.)?"
            r"|clip_l\.transformer\.|(?=text_model\.)"
        ),
        "text_encoder",
    ),
    (
        re.compile(
            r"lora_unet_|lycoris_|unet\.|(?:model\.)?diffusion_model\."
            r"|lora_transformer_|transformer\.(?!text_model\.)"
            r"|(?=(?:transformer_blocks|single_transformer_blocks|double_blocks|single_blocks"
            r"|joint_blocks|layers|noise_refiner|context_refiner)[._]\d)"
            r"|(?=(?:down_blocks|mid_block|up_blocks|conv_in|conv_out|time_embedding|add_embedding"
            r"|input_blocks|middle_block|output_blocks|time_embed|label_emb)[._])"
        ),
        "unet",
    ),
)
"""How a name says which part of the model it is for. Without any, peft's names are the UNet's."""

WRAPPED = re.compile(r"(?:base_model\.model\.)+")

PLAIN = {"down", "up", "alpha"}

RESNET = {
    "in_layers_0": "norm1",
    "in_layers_2": "conv1",
    "out_layers_0": "norm2",
    "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
ENDS = {
    "input_blocks_0_0": "conv_in",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
    "out_0": "conv_norm_out",
    "out_2": "conv_out",
}

LAYERS = 2
"""Of each block on the way down: those of Stable Diffusion and SDXL, whose original names count
through all of them."""


@dataclass(frozen=True)
class Named:
    """What a tensor is: of which part, of which layer (its path with underscores), and which of the
    tensors of a change."""

    part: Part
    layer: str
    tensor: str


def named(name: str) -> Named | None:
    """What a tensor of a LoRA is by its name; None for one that no reader knows."""
    found = TENSOR.fullmatch(usual(name))
    if found is None:
        return None
    tensor = found["tensor"]
    tensor = next((ours for theirs, ours in SAME if theirs.fullmatch(tensor)), tensor)
    path = WRAPPED.sub("", found["path"], count=1)
    for prefix, part in PREFIXES:
        if begins := prefix.match(path):
            path = path[begins.end() :].replace(".", "_")
            if part == "unet":
                return Named(part, _today(path), tensor)
            return Named(part, path.removeprefix("text_model_"), tensor)
    return None


def is_plain(names: Iterable[str]) -> bool:
    """Whether diffusers' own reader takes the file: only low-rank pairs, named as it expects."""
    for name in names:
        if name.startswith(("base_model.", "diffusion_model.", "model.", "lycoris_")):
            return False
        if re.match(r"(down_blocks|mid_block|up_blocks|input_blocks|output_blocks)\.", name):
            return False
        found = named(name)
        if found is not None and found.tensor not in PLAIN:
            return False
    return True


def _today(path: str) -> str:
    """A layer of a UNet as diffusers names it, where it is named as in the original code."""
    if path in ENDS:
        return ENDS[path]
    if found := re.fullmatch(r"middle_block_(\d)_(.+)", path):
        number, rest = int(found[1]), found[2]
        if number == 1:
            return f"mid_block_attentions_0_{rest}"
        return f"mid_block_resnets_{number // 2}_{RESNET.get(rest, rest)}"
    found = re.fullmatch(r"(input|output)_blocks_(\d+)_(\d)_(.+)", path)
    if not found:
        return path
    way, number, slot, rest = found[1], int(found[2]), int(found[3]), found[4]
    if way == "input":
        block, layer = divmod(number - 1, LAYERS + 1)
        at = f"down_blocks_{block}"
        if rest == "op":
            return f"{at}_downsamplers_0_conv"
    else:
        block, layer = divmod(number, LAYERS + 1)
        at = f"up_blocks_{block}"
        if rest == "conv":
            return f"{at}_upsamplers_0_conv"
    if slot == 1:
        return f"{at}_attentions_{layer}_{rest}"
    return f"{at}_resnets_{layer}_{RESNET.get(rest, rest)}"
