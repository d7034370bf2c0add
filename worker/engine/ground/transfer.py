"""Copies between the host and a device for which nobody waits without need."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_PARSER: Any = import_module("torch._C._nn")

STAGED = 64 * 1024
"""Bytes that CUDA's driver takes from any memory at once; more only from memory that is pinned."""


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`tensor` of the CPU on `device`; on CUDA without waiting for what the device is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    if tensor.numel() * tensor.element_size() > STAGED:
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class Unhurried(TorchFunctionMode):
    """Entered for a step of diffusers' schedulers on CUDA: the noise that they draw on the CPU is
    `sent`, and single numbers, with the equations that UniPC solves of them, stay on the CPU.
    By themselves they would wait for the device, at each step of each picture.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor or (func is torch.ones and args[0] == ()):
            return func(*args, **{**kwargs, "device": None})
        if func is torch.Tensor.to and args[0].device.type == "cpu":
            device, dtype, *_ = _PARSER._parse_to(*args[1:], **kwargs)
            tensor = args[0] if dtype is None else func(args[0], dtype)
            # A tensor of no dimension is good for any device where it is.
            return sent(tensor, device) if device is not None and tensor.dim() else tensor
        if func is torch.einsum:
            there = next((each.device for each in args[1:] if each.device.type != "cpu"), None)
            if there is not None:
                args = (args[0], *(_brought(each, there) for each in args[1:]))
        return func(*args, **kwargs)


def _brought(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return sent(tensor, device) if tensor.device.type == "cpu" else tensor


def unhurried(device: torch.device) -> AbstractContextManager[Any]:
    """Within it schedulers do not wait for this device; on any but CUDA nothing is another way."""
    return Unhurried() if device.type == "cuda" else nullcontext()
