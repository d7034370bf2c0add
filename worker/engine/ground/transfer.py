"""Copies to a device for which nobody waits without need."""

import torch

STAGED = 64 * 1024
"""Bytes that CUDA's driver takes from any memory at once; more only from memory that is pinned."""


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`tensor` of the CPU on `device`; on CUDA without waiting for what the device is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    if tensor.numel() * tensor.element_size() > STAGED:
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
