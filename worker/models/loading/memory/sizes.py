"""The number format that weights get, and the memory that they take: before loading and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from worker.engine.families.model import LoadedModel
from worker.engine.whole.pipeline import WholeModel
from worker.models.files.formats.gguf_file import SUFFIX
from worker.models.files.sources import locate
from worker.models.inventory.sizes import Offload, offload_for, on_device, part_bytes
from worker.models.loading.memory.machine import total_memory
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
    """Memory of `device` that a model needs at least, from the headers of its files: of what lies
    in main memory until its turn, as much as lies there at once. Raises SourceError."""
    sizes = part_bytes(locate(entry), model_dtype(entry, device).itemsize, entry.quantize)
    return on_device(sizes, chosen_offload(entry, device, sizes, total_memory(device)))


def chosen_offload(
    entry: ModelEntry, device: torch.device, sizes: Mapping[str, int], room: int
) -> Offload | None:
    """Which parts stay in main memory until their turn: those that an entry says, and by itself as
    few as leave its model `room`."""
    if device.type != "cuda" or entry.offload == "never":
        return None
    if entry.offload != "auto":
        return entry.offload
    quantized = entry.quantize is not None or entry.source.endswith(SUFFIX)
    return offload_for(sizes, room, quantized=quantized)


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
