"""What a device does beside its steps, on a stream of its own, and what comes of it to the host:
nobody waits for either before it is asked for."""

from collections.abc import Callable
from typing import Any

import torch


class Arrival:
    """A tensor's numbers, on their way: copied behind what their stream does now."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._event: Any = None
        self._here = tensor
        if tensor.device.type != "cuda":
            return
        cuda: Any = torch.cuda
        # Only into memory that is pinned does the device copy while the host goes on.
        self._here = torch.empty(tensor.shape, dtype=tensor.dtype).pin_memory()
        self._here.copy_(tensor, non_blocking=True)
        self._event = cuda.Event()
        self._event.record(cuda.current_stream(tensor.device))

    @property
    def is_here(self) -> bool:
        """Whether `take` would not wait."""
        return self._event is None or bool(self._event.query())

    def take(self) -> torch.Tensor:
        """The numbers, in main memory."""
        if self._event is not None:
            self._event.synchronize()
        return self._here


class Aside:
    """What was told to a sideline, on its way to the host."""

    def __init__(self, arrival: Arrival, start: Any, end: Any) -> None:
        self._arrival = arrival
        self._start, self._end = start, end

    @property
    def is_here(self) -> bool:
        """Whether `take` would not wait."""
        return self._arrival.is_here

    def take(self) -> torch.Tensor:
        """What was made, in main memory."""
        return self._arrival.take()

    @property
    def seconds(self) -> float:
        """What it took the device, steps beside it included, once it is here."""
        self._end.synchronize()
        return self._start.elapsed_time(self._end) / 1000


class Sideline:
    """The stream beside each CUDA device's own. One thread tells it what to do."""

    def __init__(self) -> None:
        self._streams: dict[torch.device, Any] = {}

    def run(
        self, device: torch.device, work: Callable[[], torch.Tensor], reads: torch.Tensor
    ) -> Aside:
        """Has `work` done behind what the device was told so far, of which it uses `reads`. Raises
        what `work` raises."""
        cuda: Any = torch.cuda
        stream = self._streams.get(device)
        if stream is None:
            stream = self._streams[device] = cuda.Stream(device)
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        stream.wait_stream(cuda.current_stream(device))
        # Its memory is not given to the next step before this has read it.
        reads.record_stream(stream)
        with cuda.stream(stream):
            start.record(stream)
            made = work()
            end.record(stream)
            return Aside(Arrival(made), start, end)
