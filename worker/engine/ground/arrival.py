"""What comes from a device to the host, for which nobody waits before it is asked for."""

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
