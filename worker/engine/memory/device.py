"""What differs between a CPU and an accelerator: memory, and how running out of it shows."""

from typing import Any, cast

import psutil
import torch

from worker.engine.errors import OutOfMemory, say
from worker.engine.request import ImageRequest

OUT_OF_MEMORY = tuple(
    sign.lower()
    for sign in (
        # A CPU's allocation, and oneDNN's word for it.
        "can't allocate memory",
        "could not create a primitive",
        # What no class of PyTorch's is for: the driver's own word, and that of its libraries, which
        # take memory for themselves beside PyTorch's allocator.
        "CUDA error: out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUSOLVER_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
        "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
        # cuDNN's, where no way to compute something has room for what it needs meanwhile.
        "unable to find an engine to execute this computation",
        "HIP error: out of memory",
        "HIPBLAS_STATUS_ALLOC_FAILED",
        "rocblas_status_memory_error",
        "miopenStatusAllocFailed",
        "MPS backend out of memory",
        "Invalid buffer size",
        "OUT_OF_DEVICE_MEMORY",
    )
)
"""How errors that have no class of their own say that memory has ended."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may succeed where this failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in said for sign in OUT_OF_MEMORY)


def starved(error: Exception) -> Exception:
    """The error, without the frames that hold the tensors which took the memory. Raises it where it
    says anything else."""
    if not is_out_of_memory(error):
        raise error
    return error.with_traceback(None)


def explained(error: Exception, request: ImageRequest) -> Exception:
    """What is said of a picture that failed with `error`: a sentence that its caller can act on
    where it is lack of memory, else the error itself."""
    if not is_out_of_memory(error):
        return error
    said = OutOfMemory(
        say(
            "picture-exceeds-memory",
            "width, height: a picture of {size} does not fit into this device's memory; ask for a"
            " smaller one.",
            size=f"{request.width}x{request.height}",
        )
    )
    said.__cause__ = error
    return said


def is_device_lost(error: Exception) -> bool:
    """Whether the process can do nothing more on this device (a sticky CUDA error)."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def make_current(device: torch.device) -> None:
    """Has the calling thread work on `device`: every thread begins with the first one, where events
    and whatever names no device go."""
    if device.type == "cuda" and cast(int | None, device.index) is not None:
        torch.cuda.set_device(device)


def settle(device: torch.device) -> None:
    """Waits until `device` has done all that it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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
