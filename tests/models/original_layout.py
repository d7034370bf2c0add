"""Writes a diffusers folder as one file in Stable Diffusion's original key layout.

The inverse of diffusers' single_file_utils, for a model whose blocks are like tiny_model's:
what people share as `some-style.safetensors`.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

Weights = dict[str, torch.Tensor]

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}

UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}

OPEN_CLIP = (
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.", ".attn."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
    (r"^embeddings\.token_embedding", "token_embedding"),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^final_layer_norm", "ln_final"),
    (r"^text_projection\.weight", "text_projection"),
)


def save_original_layout(folder: Path, file: Path, layers_per_block: int = 1) -> Path:
    """Writes `folder`'s UNet, autoencoder and text encoders to `file`."""
    unet = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    attended = {key.split(".attentions.")[0] for key in unet if ".attentions." in key}
    checkpoint = {
        **{
            f"model.diffusion_model.{_unet_key(key, layers_per_block + 1, attended)}": value
            for key, value in unet.items()
        },
        **{f"first_stage_model.{_vae_key(key, vae)}": value for key, value in vae.items()},
        **_text_keys(folder),
    }
    save_file(checkpoint, file)
    return file


def _text_keys(folder: Path) -> Weights:
    """The text encoders as each family names them: CLIP's in its own names, OpenCLIP's in its."""
    parts = [part for part in ("text_encoder", "text_encoder_2") if (folder / part).is_dir()]
    sdxl = parts[-1] == "text_encoder_2"
    weights: Weights = {}
    for number, part in enumerate(parts):
        text = {
            key.removeprefix("text_model."): value
            for key, value in load_file(folder / part / "model.safetensors").items()
        }
        prefix = f"conditioner.embedders.{number}" if sdxl else "cond_stage_model"
        if json.loads((folder / part / "config.json").read_text())["hidden_act"] == "gelu":
            named = {f"{prefix}.model.{key}": value for key, value in _open_clip(text).items()}
        else:
            named = {f"{prefix}.transformer.text_model.{key}": text[key] for key in text}
        weights |= named
    return weights


def _open_clip(text: Weights) -> Weights:
    weights: Weights = {}
    for key, value in text.items():
        for ours, original in OPEN_CLIP:
            key = re.sub(ours, original, key)
        if key == "text_projection":
            value = value.T.contiguous()
        weights[key] = value
    for key in [key for key in weights if ".q_proj." in key]:
        each = [weights.pop(key.replace(".q_proj.", f".{one}_proj.")) for one in "qkv"]
        weights[key.replace(".q_proj.", ".in_proj_")] = torch.cat(each)
    return weights


def _unet_key(key: str, layers: int, attended: set[str]) -> str:
    for ours, original in UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, original, 1)
    kind, *numbers, rest = re.match(r"(down|mid|up)_block(?:s\.(\d+))?\.(?=\w)(.*)", key).groups()  # pyright: ignore[reportOptionalMemberAccess] -- a miss should fail the test here
    block = int(numbers[0] or 0)
    part, index, tail = rest.split(".", 2)
    place, tail = _unet_place(kind, block, part, int(index), tail, layers, attended)
    if part == "resnets":
        name, leaf = tail.rsplit(".", 1)
        tail = f"{RESNET[name]}.{leaf}"
    return f"{place}.{tail}"


def _unet_place(
    kind: str, block: int, part: str, index: int, tail: str, layers: int, attended: set[str]
) -> tuple[str, str]:
    slot = {"resnets": 0, "attentions": 1}.get(part, 0)
    if kind == "mid":
        return f"middle_block.{2 * index + slot}", tail
    last = block * layers + layers - 1
    if part == "downsamplers":
        return f"input_blocks.{1 + last}.0.op", tail.removeprefix("conv.")
    if part == "upsamplers":
        return f"output_blocks.{last}.{2 if f'up_blocks.{block}' in attended else 1}", tail
    blocks, first = ("input_blocks", 1) if kind == "down" else ("output_blocks", 0)
    return f"{blocks}.{first + block * layers + index}.{slot}", tail


def _vae_key(key: str, vae: Weights) -> str:
    ups = 1 + max(int(k.split(".")[2]) for k in vae if k.startswith("decoder.up_blocks."))
    key = re.sub(r"up_blocks\.(\d+)", lambda match: f"up.{ups - 1 - int(match[1])}", key)
    key = re.sub(r"mid_block\.resnets\.(\d+)", lambda match: f"mid.block_{int(match[1]) + 1}", key)
    for ours, original in (
        (r"down_blocks\.", "down."),
        (r"resnets\.", "block."),
        (r"(down|up)samplers\.0\.", r"\1sample."),
        (r"conv_norm_out", "norm_out"),
        (r"conv_shortcut", "nin_shortcut"),
    ):
        key = re.sub(ours, original, key)
    return key
