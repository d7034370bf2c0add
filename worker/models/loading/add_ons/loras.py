"""Reads LoRAs and their relatives, each in the ways in which it is shared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY

from worker.engine.parts.lora import Layer, LoraLayer, LoraWeights
from worker.engine.parts.lora_forms import (
    Decomposed,
    Form,
    Full,
    Hadamard,
    Kronecker,
    LowRank,
    Orthogonal,
    WeightChange,
)
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Header
from worker.models.files.loras.names import Named, Part, named
from worker.models.files.loras.originals import Rows, layers_of
from worker.models.loading.finite import check_finite

load_file: Any = cast(Any, safetensors.torch).load_file

Tensors = dict[str, torch.Tensor]

PARTS: tuple[Part, ...] = ("unet", "text_encoder", "text_encoder_2", "text_encoder_3")

BY_ROW = ("up", "hada_w1_a", "hada_w2_a", "diff", "diff_b", "dora_scale")
"""Tensors that have a row for each output of the layer."""


def read_any_lora(
    name: str,
    where: str,
    file: Path,
    header: Header,
    device: torch.device,
    dtype: torch.dtype,
    families: Sequence[str] = (),
) -> LoraWeights:
    """A LoRA of any kind, by the names of its tensors; `families` are those of the transformers
    that it is for, none for UNets. Raises SourceError, naming `where`."""
    layers: dict[Part, dict[str, Tensors]] = {part: {} for part in PARTS}
    tensors: Tensors = load_file(str(file))
    check_finite(where, tensors)
    for key, tensor in tensors.items():
        found: Named | None = named(key)
        if found is None:
            raise SourceError(f"{where}: it has a tensor that is no part of a LoRA: {key}.")
        layers[found.part].setdefault(found.layer, {})[found.tensor] = tensor
    if families:
        layers["unet"] = _of_transformer(families, layers["unet"])
    if "flux" in families and not layers["text_encoder_2"]:
        # Trainers count T5 as the third of all text encoders; Flux has two.
        layers["text_encoder_2"], layers["text_encoder_3"] = layers["text_encoder_3"], {}
    config: dict[str, Any] = json.loads(header.metadata.get(LORA_ADAPTER_METADATA_KEY, "{}"))
    changes: dict[Part, dict[str, Layer]] = {}
    for part in PARTS:
        told = "transformer." if families and part == "unet" else f"{part}."
        own = {
            key.removeprefix(told): value for key, value in config.items() if key.startswith(told)
        }
        changes[part] = {
            path: _change(where, path, _moved(tensors, device, dtype), own, linear=bool(families))
            for path, tensors in layers[part].items()
        }
    unet, *texts = (changes[part] for part in PARTS)
    while texts and not texts[-1]:
        texts.pop()
    return LoraWeights(name, unet, tuple(texts))


def _of_transformer(families: Sequence[str], layers: Mapping[str, Tensors]) -> dict[str, Tensors]:
    """The layers as diffusers names and divides them."""
    divided: dict[str, Tensors] = {}
    for path, tensors in layers.items():
        outputs, inputs = _sides(tensors)
        # Where several are left all of them have diffusers' own names.
        for layer, rows in layers_of(families[0], path, outputs, inputs):
            divided[layer] = {
                name: _rows(tensor, rows) if name in BY_ROW and len(tensor) == outputs else tensor
                for name, tensor in tensors.items()
            }
    return divided


def _sides(tensors: Tensors) -> tuple[int, int]:
    """How many outputs and inputs a layer has, where its tensors show it."""
    up = next((tensors[name] for name in ("up", "hada_w1_a", "diff") if name in tensors), None)
    down = next((tensors[name] for name in ("down", "hada_w1_b", "diff") if name in tensors), None)
    outputs = 0 if up is None else len(up)
    return outputs, 0 if down is None or down.dim() < 2 else down.shape[1]


def _rows(tensor: torch.Tensor, rows: Rows) -> torch.Tensor:
    return torch.cat([tensor[begin:end] for begin, end in rows]) if rows else tensor


def _moved(tensors: Tensors, device: torch.device, dtype: torch.dtype) -> Tensors:
    return {
        # A rotation is solved for, which half precision is not enough for.
        name: tensor.to(device, torch.float32 if name == "oft_blocks" else dtype)
        for name, tensor in tensors.items()
    }


def _change(
    where: str, path: str, tensors: Tensors, config: Mapping[str, Any], *, linear: bool
) -> Layer:
    """`linear` says that every matrix is of a linear layer, for which low rank is least work."""
    try:
        form = _form(path, tensors, config)
    except (KeyError, ValueError) as error:
        raise SourceError(f"{where}: it has a part of {path} only: {error} is missing.") from None
    if linear and tensors.keys() <= {"down", "up", "alpha"} and isinstance(form, LowRank):
        return LoraLayer(form.down, form.up)
    magnitude = tensors.get("dora_scale")
    if magnitude is not None and form is not None:
        form = Decomposed(form, magnitude)
    bias = tensors.get("diff_b", tensors.get("b_norm"))
    if form is None and bias is None:
        raise SourceError(f"{where}: it has a part of {path} only: {', '.join(tensors)}.")
    return WeightChange(form, bias)


def _form(path: str, tensors: Tensors, config: Mapping[str, Any]) -> Form | None:
    names = tensors.keys()
    if names & {"down", "up", "mid"}:
        down = tensors["down"]
        scale = _scale(path, tensors, len(down), config)
        return LowRank(down, tensors["up"] * scale, tensors.get("mid"))
    if any(name.startswith("hada_") for name in names):
        each = {name.removeprefix("hada_"): t for name, t in tensors.items() if "hada_" in name}
        return Hadamard(
            scale=_scale(path, tensors, len(each["w1_b"]), {}), **_needs(each, HADAMARD)
        )
    if any(name.startswith("lokr_") for name in names):
        each = {name.removeprefix("lokr_"): t for name, t in tensors.items() if "lokr_" in name}
        # The rank of whichever is the product of two; of neither the scale is 1 whatever is said.
        factor = each.get("w1_b", each.get("w2_b"))
        scale = 1.0 if factor is None else _scale(path, tensors, len(factor), {})
        form = Kronecker(scale, **each)
        form.check()
        return form
    if "oft_blocks" in names:
        alpha = tensors["alpha"].float().item() if "alpha" in names else 0.0
        return Orthogonal(tensors["oft_blocks"], alpha, tensors.get("rescale"))
    if names & {"diff", "w_norm"}:
        return Full(tensors["diff"] if "diff" in names else tensors["w_norm"])
    return None


HADAMARD = ("w1_a", "w1_b", "w2_a", "w2_b")


def _needs(tensors: Tensors, names: tuple[str, ...]) -> Tensors:
    for name in names:
        if name not in tensors:
            raise KeyError(name)
    return tensors


def _scale(path: str, tensors: Tensors, rank: int, config: Mapping[str, Any]) -> float:
    """alpha / rank: alpha is the layer's own tensor, or what peft's configuration says; 1 else."""
    if "alpha" in tensors:
        alpha = tensors["alpha"].float().item()
        return alpha / rank if alpha else 1.0
    if not config:
        return 1.0
    patterns: dict[str, float] = config.get("alpha_pattern") or {}
    fitting = (
        alpha
        for pattern, alpha in patterns.items()
        if re.match(rf"(.*_)?({pattern.replace('.', '_')})$", path)
    )
    alpha = next(fitting, config.get("lora_alpha", rank))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
