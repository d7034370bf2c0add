"""The number format that weights get, and the memory that they take: before loading and after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch

from worker.engine.families.model import LoadedModel
from worker.engine.whole.pipeline import WholeModel
from worker.models.files.sources import locate
from worker.models.inventory.sizes import part_bytes
from worker.models.loading.free import HEADROOM
from worker.models.tables import ModelEntry

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def model_dtype(entry: ModelEntry, device: torch.device) -> torch.dtype:
    """The number format an entry's weights get on `device`.

    On a CPU that is fp32 also where bf16 would be faster, so that one seed makes the same picture
    on every machine; `dtype` in models.toml asks for bf16.
    """
    if entry.dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return DTYPES[entry.dtype]


def needed_bytes(entry: ModelEntry, device: torch.device) -> int:
    """Memory of `device` that a model needs at least, from the headers of its files.

    Where the text encoders and the autoencoder may stay in main memory that is its largest part;
    where that comes layer by layer, as much as the others at most. Raises SourceError.
    """
    files = locate(entry)
    itemsize = model_dtype(entry, device).itemsize
    if parts := part_bytes(files, itemsize, entry.quantize):
        everything, largest = sum(parts.values()), max(parts.values())
    else:
        everything, largest = files.parameters() * itemsize, files.largest() * itemsize
    if device.type != "cuda" or entry.offload == "never":
        return everything
    total: int = cast(Any, torch.cuda).get_device_properties(device).total_memory
    if entry.offload == "group":
        return min(largest, everything - largest)
    only_one = entry.offload in ("always", "model") or everything + HEADROOM > total
    return largest if only_one else everything


def model_bytes(model: LoadedModel | WholeModel) -> int:
    """Memory of its device that a model's parameters and buffers take: of what lies there, and of
    the largest part that comes in its turn."""
    resting = _bytes_of(model.modules(), model.device.type)
    if model.device.type == "cpu":
        return resting
    by_layers = model.denoiser if model.offload == "group" else ()
    visitors = [_bytes_of([each], "cpu") for each in model.modules() if each not in by_layers]
    return resting + max(visitors, default=0)


def add_on_bytes(add_on: Any) -> int:
    """Memory that a loaded add-on takes: it counts its own `bytes`, or holds modules."""
    counted: int | None = getattr(add_on, "bytes", None)
    if counted is not None:
        return counted
    held: list[Any] = [add_on, *vars(add_on).values()]
    return _bytes_of(each for each in held if isinstance(each, torch.nn.Module))


def _bytes_of(modules: Iterable[torch.nn.Module], where: str | None = None) -> int:
    return sum(
        held.numel() * held.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
        # What is on disk until it is needed has shapes only.
        if tensor.device.type != "meta" and where in (None, tensor.device.type)
        for held in _held(tensor)
    )


def _held(tensor: Any) -> list[torch.Tensor]:
    """What a tensor keeps in memory: a quantized one of torchao has several, and says its own size
    as if it had numbers of the format that it stands for."""
    if hasattr(tensor, "__tensor_flatten__") and type(tensor) is not torch.nn.Parameter:
        names: list[str] = tensor.__tensor_flatten__()[0]
        return [getattr(tensor, name) for name in names]
    return [tensor]
