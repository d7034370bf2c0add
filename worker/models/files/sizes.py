"""How much memory what is added to a model takes: before it is loaded, and after."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from worker.models.catalogue import AddOnEntry
from worker.models.files.add_ons import tensor_shapes
from worker.models.files.inventory import weight_files


def add_on_parameters(entry: AddOnEntry) -> int:
    """How many numbers an add-on has, from the headers of its files. Raises SourceError."""
    return sum(
        prod(shape) for file in weight_files(entry) for shape in tensor_shapes(file).values()
    )


def add_on_bytes(part: Any) -> int:
    """Memory that a loaded part takes: it counts its own `bytes`, or holds modules."""
    counted: int | None = getattr(part, "bytes", None)
    if counted is not None:
        return counted
    held: list[Any] = [part, *vars(part).values()]
    modules = [each for each in held if isinstance(each, torch.nn.Module)]
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    )
