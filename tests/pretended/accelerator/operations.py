"""Which operations of torch a card treats otherwise than a CPU, and what they are called with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch


def _operations(*names: str) -> frozenset[str]:
    return frozenset(f"aten::{name}" for name in names)


WHOLE = _operations(
    "scaled_dot_product_attention",
    "linear",
    "conv2d",
    "group_norm",
    "layer_norm",
    "matmul",
    "embedding",
    "item",
    "dropout",
    "rms_norm",
    "where",
)
"""Operations that are looked at as they were called, not as the smaller ones they consist of."""

ONE_DTYPE = _operations(
    "convolution",
    "linear",
    "addmm",
    "mm",
    "bmm",
    "matmul",
    "baddbmm",
    "native_group_norm",
    "group_norm",
    "conv2d",
    "conv3d",
    "native_layer_norm",
    "layer_norm",
    "scaled_dot_product_attention",
)
"""Operations that CUDA refuses for numbers of different formats."""

SIZE_ON_HOST = _operations(
    "nonzero",
    "masked_select",
    "unique_dim",
    "_unique2",
    "equal",
    "linalg_solve",
    "_linalg_solve_ex",
    "repeat_interleave",
    "linalg_lstsq",
)
"""Operations whose result's size, or whose success, the host has to learn."""

SCALAR = _operations("_local_scalar_dense", "item", "is_nonzero")


@cache
def composite(func: Any) -> bool:
    """Whether an operation is made of others."""
    kernel = "CompositeImplicitAutograd"
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), kernel)


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """All tensors among an operation's arguments."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors(each)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The same arguments with each that is no list changed."""
    if isinstance(value, tuple | list):
        return type(value)(mapped(change, each) for each in value)
    if isinstance(value, dict):
        return {name: mapped(change, each) for name, each in value.items()}
    return change(value)
