"""What differs between a CPU and an accelerator: clocks, memory, and how running out shows."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
import torch

from worker.engine.memory.row_budget import Measurement

T = TypeVar("T")

# Forwards that may be under way on an accelerator while Python prepares the next: one hides
# the launch cost, more would make a newcomer and a cancel wait for all of them.
IN_FLIGHT = 1

# PyTorch has no class of its own for a CPU allocation that failed; the second is oneDNN's word.
CPU_ALLOCATION_FAILED = ("can't allocate memory", "could not create a primitive")


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may succeed where this failed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in CPU_ALLOCATION_FAILED
    )


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


@dataclass
class _Pending:
    start: Any
    end: Any
    rows: int
    used: int
    free: int
    report: Callable[[Measurement], None]


class Stopwatch:
    """Measures forwards: at once on a CPU, by events and without waiting on CUDA."""

    def __init__(self) -> None:
        self._pending: deque[_Pending] = deque()

    def time(
        self,
        device: torch.device,
        rows: int,
        forward: Callable[[], T],
        report: Callable[[Measurement], None],
    ) -> T:
        """Runs `forward`, and reports its measurement then or after a later forward."""
        if device.type == "cuda":
            return self._time_cuda(device, rows, forward, report)
        started = time.perf_counter()
        result = forward()
        report(Measurement(rows, time.perf_counter() - started))
        return result

    def _time_cuda(
        self,
        device: torch.device,
        rows: int,
        forward: Callable[[], T],
        report: Callable[[Measurement], None],
    ) -> T:
        while len(self._pending) > IN_FLIGHT:
            self._settle(self._pending.popleft())
        cuda: Any = torch.cuda
        before: int = cuda.memory_allocated(device)
        cuda.reset_peak_memory_stats(device)
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        start.record()
        result = forward()
        end.record()
        used: int = cuda.max_memory_allocated(device) - before
        idle: int = cuda.memory_reserved(device) - before
        free: int = cuda.mem_get_info(device)[0] + idle
        self._pending.append(_Pending(start, end, rows, used, free, report))
        return result

    def _settle(self, pending: _Pending) -> None:
        pending.end.synchronize()
        seconds = pending.start.elapsed_time(pending.end) / 1000
        pending.report(Measurement(pending.rows, seconds, pending.used, pending.free))
