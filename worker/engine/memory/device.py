"""What differs between a CPU and an accelerator: memory, and how running out of it shows."""

from typing import Any

import psutil
import torch

from worker.engine.errors import OutOfMemory
from worker.engine.request import ImageRequest

# PyTorch has no class of its own for a CPU allocation that failed; the second is oneDNN's word.
CPU_ALLOCATION_FAILED = ("can't allocate memory", "could not create a primitive")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may succeed where this failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in CPU_ALLOCATION_FAILED
    )


def explained(error: Exception, request: ImageRequest) -> Exception:
    """What is said of a picture that failed with `error`: a sentence that its caller can act on
    where it is lack of memory, else the error itself."""
    if not is_out_of_memory(error):
        return error
    said = OutOfMemory(
        f"width, height: a picture of {request.width}x{request.height} does not fit into this"
        " device's memory; ask for a smaller one."
    )
    said.__cause__ = error
    return said


def is_device_lost(error: Exception) -> bool:
    """Whether the process can do nothing more on this device (a sticky CUDA error)."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def describe(device: torch.device) -> str:
    """The device as measurements on it are told apart: its kind, and how much of it there is."""
    if device.type == "cuda":
        cuda: Any = torch.cuda
        return str(cuda.get_device_name(device))
    return f"{device.type}, {torch.get_num_threads()} threads"


def capacity(device: torch.device) -> int:
    """The most bytes that forwards on `device` could ever have: all there is but the weights."""
    if device.type != "cuda":
        return psutil.virtual_memory().total
    cuda: Any = torch.cuda
    return cuda.mem_get_info(device)[1] - cuda.memory_allocated(device)


def release_memory() -> None:
    """Hands cached blocks back to the device, so that a smaller batch finds room in one piece."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
