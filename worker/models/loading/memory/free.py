"""How much memory a device has left for models, and giving back what one took."""

from __future__ import annotations

import gc

import psutil
import torch


def free_bytes(device: torch.device) -> int:
    """Memory that new tensors on `device` can take."""
    if device.type != "cuda":
        return psutil.virtual_memory().available
    free, _ = torch.cuda.mem_get_info(device)
    # What torch's allocator keeps without using it is free for torch.
    idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + idle


def freeze_libraries() -> None:
    """Keep the collector from looking at what was imported: call it before any model is loaded.

    torch and diffusers are several hundred thousand objects that stay until the process ends.
    """
    gc.collect()
    gc.freeze()


def give_back(device: torch.device) -> None:
    """Free what was unloaded."""
    # Modules and a failed task's frames may be cycles, which hold their tensors until now.
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
