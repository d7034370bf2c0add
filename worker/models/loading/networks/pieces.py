"""Parts of a model that lie in files of their own: transformers and text encoders, GGUF too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import safetensors
import torch
from accelerate import init_empty_weights
from diffusers.models import model_loading_utils
from transformers import AutoConfig

from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import SUFFIX
from worker.models.files.loras.originals import layers_of
from worker.models.files.single_files.pieces import CLASSES, Piece
from worker.models.loading.pretrained import check_nothing_is_missing

Tensors = dict[str, torch.Tensor]

# None of these is typed.
empty: Any = init_empty_weights
load_gguf: Any = cast(Any, model_loading_utils).load_gguf_checkpoint
Config: Any = AutoConfig

FAMILIES = {model_class: family for family, model_class in CLASSES.items()}

FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)

NORMS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "flux": (
        (r"double_blocks\.(\d+)\.img_attn\.norm\.(query|key)_norm\.scale", "{}.attn.norm_{}"),
        (r"double_blocks\.(\d+)\.txt_attn\.norm\.(query|key)_norm\.scale", "{}.attn.norm_added_{}"),
        (r"single_blocks\.(\d+)\.norm\.(query|key)_norm\.scale", "single_{}.attn.norm_{}"),
    ),
    "sd3": (
        (r"joint_blocks\.(\d+)\.x_block\.attn\.ln_(q|k)\.weight", "{}.attn.norm_{}"),
        (r"joint_blocks\.(\d+)\.context_block\.attn\.ln_(q|k)\.weight", "{}.attn.norm_added_{}"),
        (r"joint_blocks\.(\d+)\.x_block\.attn2\.ln_(q|k)\.weight", "{}.attn2.norm_{}"),
    ),
}
"""The norms of queries and keys, as the inventors of a family name them."""

RENAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sd3": ((r"pos_embed", "pos_embed.pos_embed"),),
    "z-image": ((r"(.+\.attention)\.(q|k)_norm\.weight", r"\1.norm_\2.weight"),),
}


def load_transformer(model_class: Any, piece: Piece, config: Path, dtype: torch.dtype) -> Any:
    """A transformer from its file, under its inventors' names or diffusers', with the configuration
    in the folder `config`. Of a GGUF file the weights stay as they are and are made numbers of
    `dtype` as they are needed. Raises SourceError."""
    with empty():
        model = model_class.from_config(model_class.load_config(config))
    read = _read(piece)
    tensors = renamed(FAMILIES[model_class.__name__], read, model.state_dict().keys())
    if piece.file.suffix == SUFFIX:
        _take_gguf(model, tensors, dtype)
    expected = model.state_dict()
    for name, weight in expected.items():
        found = tensors.get(name)
        if found is not None and _shape(found) != tuple(weight.shape):
            raise SourceError(
                f"{piece.file}: {name} is {_shape(found)}, and its configuration says"
                f" {tuple(weight.shape)}; it is of another model of the family."
            )
    ready = {
        name: found if hasattr(found, "quant_type") else found.to(dtype)
        for name, found in tensors.items()
        if name in expected
    }
    for name, tensor in ready.items():
        _put(model, name, tensor)
    check_nothing_is_missing(str(piece.file), {"missing_keys": expected.keys() - ready.keys()})
    return model


def _put(model: Any, name: str, tensor: torch.Tensor) -> None:
    """Puts a weight in its place; a quantized one has another shape than what it stands for."""
    path, _, last = name.rpartition(".")
    part: Any = model.get_submodule(path)
    if last in part._buffers:
        part._buffers[last] = tensor
    elif hasattr(tensor, "quant_type"):
        part._parameters[last] = tensor
    else:
        part._parameters[last] = torch.nn.Parameter(tensor, requires_grad=False)


def load_encoder(model_class: Any, piece: Piece, config: Path, dtype: torch.dtype) -> Any:
    """A text encoder from its file, with the configuration in the folder `config`. Raises
    SourceError."""
    tensors = {name: tensor.to(dtype) for name, tensor in _read(piece).items()}
    model, info = model_class.from_pretrained(
        None,
        config=Config.from_pretrained(config, local_files_only=True),
        state_dict=tensors,
        dtype=dtype,
        output_loading_info=True,
    )
    check_nothing_is_missing(str(piece.file), info)
    return model


def read_piece(piece: Piece) -> Tensors:
    """The tensors of a part, without the file's own prefix."""
    return _read(piece)


def renamed(family: str, tensors: Tensors, names: Any) -> Tensors:
    """A transformer's tensors as diffusers names and divides them; `names` are those it has."""
    dotted = {str(name).replace(".", "_"): str(name) for name in names}
    made: Tensors = {}
    for layer, ends in _by_layer(tensors).items():
        weight = ends.get("weight")
        outputs, inputs = _sides(weight)
        for name, tensor in ends.items():
            whole = f"{layer}.{name}" if name else layer
            if whole in dotted.values():
                made[whole] = tensor
                continue
            if (other := _renamed(family, whole)) is not None:
                made[other] = tensor
                continue
            for path, rows in layers_of(family, layer.replace(".", "_"), outputs, inputs):
                target = dotted.get(f"{path}_{name}", f"{path}.{name}")
                parts = [tensor[begin:end] for begin, end in rows]
                made[target] = parts[0] if len(parts) == 1 else torch.cat(parts)
    return made


def _by_layer(tensors: Tensors) -> dict[str, Tensors]:
    layers: dict[str, Tensors] = {}
    for name, tensor in tensors.items():
        layer, dot, end = name.rpartition(".")
        if not dot or end not in ("weight", "bias"):
            layer, end = name, ""
        layers.setdefault(layer, {})[end] = tensor
    return layers


def _renamed(family: str, name: str) -> str | None:
    for pattern, instead in NORMS.get(family, ()):
        if found := re.fullmatch(pattern, name):
            block = f"transformer_blocks.{found[1]}"
            return f"{instead.format(block, found[2][0])}.weight"
    for pattern, instead in RENAMED.get(family, ()):
        if re.fullmatch(pattern, name):
            return re.sub(pattern, instead, name)
    return None


def _sides(weight: torch.Tensor | None) -> tuple[int, int]:
    """How many outputs and inputs a layer has."""
    shape = () if weight is None else _shape(weight)
    return (shape[0] if shape else 0), (shape[1] if len(shape) > 1 else 0)


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    """A weight of a GGUF file has one in numbers beside that of its bytes."""
    return tuple(getattr(tensor, "quant_shape", tensor.shape))


def _take_gguf(model: Any, tensors: Tensors, dtype: torch.dtype) -> None:
    """Has the model's layers read quantized weights; what else is quantized is made numbers."""
    # Here, because it needs the package gguf, which is optional.
    from diffusers.quantizers.gguf import utils

    gguf: Any = utils
    gguf._replace_with_gguf_linear(model, dtype, tensors)
    layers = {
        f"{name}.weight"
        for name, part in model.named_modules()
        if isinstance(part, gguf.GGUFLinear)
    }
    for name, tensor in tensors.items():
        if hasattr(tensor, "quant_type") and name not in layers:
            tensors[name] = gguf.dequantize_gguf_tensor(tensor)


def _read(piece: Piece) -> Tensors:
    if piece.file.suffix == SUFFIX:
        whole: Tensors = load_gguf(str(piece.file))
        return {name.removeprefix(piece.prefix): tensor for name, tensor in whole.items()}
    opener: Callable[..., Any] = cast(Any, safetensors).safe_open
    with opener(str(piece.file), framework="pt") as opened:
        # What safe_open gives is no mapping: its keys cannot be had by going through it.
        names: list[str] = [n for n in opened.keys() if n.startswith(piece.prefix)]  # noqa: SIM118
        return {name.removeprefix(piece.prefix): opened.get_tensor(name) for name in names}
