"""What torch says of CUDA, as if there were some: its queries, events and streams."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from tests.pretended.accelerator.device import Pretended
from tests.pretended.accelerator.graphs import Graph
from tests.pretended.accelerator.modes import in_every_thread
from tests.pretended.accelerator.streams import Point

END = "_cuda_endAllocateToPool"
"""Of PyTorch built for CUDA alone."""


@contextmanager
def pretended_cuda(count: int = 1, memory: int = 80 * 10**9) -> Iterator[Pretended]:
    """A machine with `count` CUDA devices of `memory` bytes, for as long as it lasts."""
    mode = Pretended(count, memory)
    Pretended.running = mode
    with ExitStack() as stack:
        for name, stand_in in _queries(mode).items():
            place = torch._C if name == END else torch.cuda
            stack.enter_context(patch.object(place, name, stand_in, create=True))
        # Otherwise what `torch.tensor` makes for the device would go there before it is seen.
        before = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)
        stack.callback(torch._C._set_only_lift_cpu_tensors, before)
        stack.enter_context(in_every_thread(mode))
        yield mode


def _queries(mode: Pretended) -> dict[str, Any]:
    memory = mode.memory

    def index(device: Any = None) -> int:
        if device is None:
            return mode.current
        if isinstance(device, int):
            return device
        device = torch.device(device)
        return mode.current if device.index is None else device.index

    def set_device(device: Any) -> None:
        mode.current = index(device)

    def free(device: Any = None) -> tuple[int, int]:
        return memory.total - memory.used[index(device)], memory.total

    def reset(device: Any = None) -> None:
        memory.peak[index(device)] = memory.used[index(device)]

    class Event:
        """An event of the device that is current where it is made, as CUDA's are."""

        def __init__(self, **_: Any) -> None:
            self.index: int | None = None
            self.point: Point = (0, 0)
            self.asked = 0

        def record(self, stream: Any = None) -> None:
            stream = stream or current_stream()
            self.index = stream.device.index
            self.point = mode.streams.now(stream.number)
            mode.record.calls[f"event on cuda:{self.index}"] += 1

        def synchronize(self) -> None:
            mode.record.calls["event awaited"] += 1
            mode.streams.settled(self.point)

        def wait(self, stream: Any = None) -> None:
            mode.streams.wait((stream or current_stream()).number, self.point)

        def query(self) -> bool:
            self.asked += 1
            return self.asked > mode.lag

        def elapsed_time(self, other: Any) -> float:
            if self.index != other.index:
                raise RuntimeError("CUDA error: invalid resource handle")
            return 10.0

    class Stream:
        """A stream, on which all is done at once."""

        def __init__(self, device: Any = None, number: int | None = None, **_: Any) -> None:
            self.device = torch.device("cuda", index(device))
            self.number = mode.streams.new() if number is None else number

        def synchronize(self) -> None:
            mode.wait("a stream awaited", mode.streams.now(self.number))

        def wait_stream(self, stream: Any) -> None:
            mode.streams.wait(self.number, mode.streams.now(stream.number))

        def wait_event(self, event: Any) -> None:
            mode.streams.wait(self.number, event.point)

        def record_event(self, event: Any = None) -> Any:
            event = event or Event()
            event.record(self)
            return event

    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        before, mode.streams.current = mode.streams.current, stream.number
        try:
            yield
        finally:
            mode.streams.current = before

    def current_stream(device: Any = None) -> Stream:
        return Stream(device, mode.streams.current)

    underway: set[Any] = set()
    pools = itertools.count(1)

    @contextmanager
    def capture(
        graph: Graph, pool: Any = None, stream: Any = None, capture_error_mode: str = "global"
    ) -> Iterator[None]:
        mode.wait("the device awaited")
        memory.give_back()
        if pool in underway:
            raise RuntimeError("beginAllocateToPool: already recording to mempool_id")
        before, mode.streams.current = mode.streams.current, (stream or Stream()).number
        underway.add(pool)
        try:
            with graph.record(capture_error_mode):
                yield
        except RuntimeError as error:
            if "CUDA error" in str(error):
                # PyTorch can end nothing then: neither the pool's part in it nor the stream's.
                raise RuntimeError("CUDA error: operation failed during capture") from error
            underway.discard(pool)
            mode.streams.current = before
            raise
        underway.discard(pool)
        mode.streams.current = before
        # Nothing was done yet that anybody could have to wait for.
        mode.streams.settled()

    def end(index: int, pool: Any) -> None:
        if pool not in underway:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        underway.remove(pool)

    return {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: mode.count,
        "current_device": lambda: mode.current,
        "set_device": set_device,
        "get_device_name": lambda device=None: "Pretended",
        "get_device_capability": lambda device=None: (9, 0),
        "get_device_properties": lambda device=None: SimpleNamespace(
            total_memory=memory.total, name="Pretended", major=9, minor=0
        ),
        "is_bf16_supported": lambda *_, **__: True,
        "mem_get_info": free,
        "memory_allocated": lambda device=None: memory.used[index(device)],
        "memory_reserved": lambda device=None: memory.reserved[index(device)],
        "max_memory_allocated": lambda device=None: memory.peak[index(device)],
        "reset_peak_memory_stats": reset,
        "empty_cache": memory.give_back,
        "get_rng_state": lambda device="cuda": torch.empty(0, dtype=torch.uint8),
        "set_rng_state": lambda state, device="cuda": None,
        "synchronize": lambda device=None: mode.wait("the device awaited"),
        "current_stream": current_stream,
        "default_stream": lambda device=None: Stream(device, 0),
        "CUDAGraph": Graph,
        "graph": capture,
        "graph_pool_handle": lambda: (0, next(pools)),
        END: end,
        "stream": on,
        "Event": Event,
        "Stream": Stream,
    }
