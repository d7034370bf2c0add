"""How long a forward takes, and on an accelerator what memory: measured without waiting for it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

T = TypeVar("T")

# Forwards that may be under way on an accelerator while Python prepares the next: one hides
# the launch cost, more would make a newcomer and a cancel wait for all of them.
IN_FLIGHT = 1


@dataclass(frozen=True)
class Measurement:
    """One forward: its rows, its seconds, and on an accelerator its memory in bytes.

    `used` is what the forward needed beyond the weights, `free` what it could have had.
    """

    rows: int
    seconds: float
    used: int | None = None
    free: int | None = None


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
        stream = cuda.current_stream(device)
        start.record(stream)
        result = forward()
        end.record(stream)
        used: int = cuda.max_memory_allocated(device) - before
        idle: int = cuda.memory_reserved(device) - before
        free: int = cuda.mem_get_info(device)[0] + idle
        self._pending.append(_Pending(start, end, rows, used, free, report))
        return result

    def _settle(self, pending: _Pending) -> None:
        pending.end.synchronize()
        seconds = pending.start.elapsed_time(pending.end) / 1000
        pending.report(Measurement(pending.rows, seconds, pending.used, pending.free))
