"""CUDA graphs: a forward recorded once and replayed as one, without Python and launch by launch.

A graph reads and writes always the same memory. So a call is copied into inputs of the graph's own,
and its answer out of it; a network whose weights moved since is run as before until it is recorded
again. Graphs share the memory that they work in: one is replayed at a time, and its answer is
copied before the next is. Those of networks that run beside others have another.
"""

import importlib
import logging
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from worker.engine.backends.call import Call
from worker.engine.backends.compiler import CompiledNetwork, Room
from worker.engine.backends.network import Network, there
from worker.engine.memory.device import release_memory

log = logging.getLogger(__name__)

RUNS = 3
"""Runs before one is recorded: in the first libraries choose their kernels and take memory."""

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Rows that a network is recorded for, whether something compiled it or not."""

Where = tuple[torch.device, bool]
"""A device, and whether it is beside others."""


class Recorder:
    """Records networks."""

    def __init__(self) -> None:
        self._pools: dict[Where, tuple[Any, Any]] = {}
        self._broken: list[Any] = []

    def over(self, compiled: CompiledNetwork, network: Network) -> "Recorded":
        """The same, to be recorded where there is time."""
        return Recorded(self, compiled, network)

    def record(
        self, device: torch.device, run: Callable[[], torch.Tensor], aside: bool
    ) -> tuple[Any, torch.Tensor]:
        """A graph of what `run` does, and the answer that each replay writes. Waits for the device.
        Raises whatever cannot be recorded."""
        cuda: Any = torch.cuda
        where = device, aside
        if where not in self._pools:
            self._pools[where] = cuda.graph_pool_handle(), cuda.Stream(device)
        pool, stream = self._pools[where]
        graph = cuda.CUDAGraph()
        try:
            # What other threads do meanwhile, such as loading a model, is no part of it and no
            # fault. PyTorch leaves its stream only where the recording can be ended, so it is left
            # here in any case: all that this thread does later would go there.
            with (
                cuda.stream(stream),
                cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"),
            ):
                answer = run()
        except Exception:
            self._give_up(where, graph)
            raise
        return graph, answer

    def _give_up(self, where: Where, graph: Any) -> None:
        """After a recording that could not be ended its pool takes no other, and to PyTorch it goes
        on: memory that other streams used would never be given back."""
        pool, _ = self._pools.pop(where)
        # Allocators may still ask it whether it is being recorded.
        self._broken.append(graph)
        library: Any = importlib.import_module("torch._C")
        # It raises where the recording was ended.
        with suppress(RuntimeError):
            library._cuda_endAllocateToPool(where[0].index or 0, pool)

    def warm(self, device: torch.device, run: Callable[[], torch.Tensor]) -> None:
        """Runs beside what the device does by itself, as recording has to."""
        cuda: Any = torch.cuda
        stream = cuda.Stream(device)
        stream.wait_stream(cuda.current_stream(device))
        with cuda.stream(stream):
            for _ in range(RUNS):
                run()
        cuda.current_stream(device).wait_stream(stream)
        cuda.synchronize(device)


class Recorded:
    """A compiled network, replayed where it was recorded."""

    def __init__(self, recorder: Recorder, inner: CompiledNetwork, network: Network) -> None:
        self.rows = inner.rows
        self._recorder = recorder
        self._inner = inner
        self._network = weakref.ref(network)
        self._graph: Any = None
        self._inputs: list[torch.Tensor] = []
        self._answer: torch.Tensor | None = None
        self._addresses: list[int] = []
        self._failed = False
        self._size = 0

    @property
    def memory(self) -> int:
        return self._size + self._inner.memory

    @property
    def prepared(self) -> bool:
        return self._failed or (self._graph is not None and self._stands)

    @property
    def _stands(self) -> bool:
        """Whether the weights are where they were recorded."""
        return there(self._network).weights.addresses() == self._addresses

    def run(self, call: Call) -> torch.Tensor:
        """What the network makes of a call of at most its rows."""
        if self._graph is None or self._answer is None or not self._stands:
            return self._inner.run(call)
        count = call.rows
        cuda: Any = torch.cuda
        # Not always that of its memory, which may be dropped before this has ended.
        stream = cuda.current_stream(self._answer.device)
        for each in (*self._inputs, self._answer):
            each.record_stream(stream)
        for into, each in zip(self._inputs, call.tensors, strict=True):
            into[:count].copy_(each)
            if count < self.rows:
                into[count:].copy_(each[:1].expand_as(into[count:]))
        self._graph.replay()
        return self._answer[:count].clone()

    def prepare(self, call: Call, room: Room) -> None:
        """Records it. Where that fails it runs as it did."""
        self._drop()
        cuda: Any = torch.cuda
        network = there(self._network)
        device = network.device
        call = call.with_tensors([each.clone() for each in call.filled_up(self.rows)])

        def run() -> torch.Tensor:
            return self._inner.run(call)

        try:
            before = cuda.memory_allocated(device)
            cuda.reset_peak_memory_stats(device)
            self._recorder.warm(device, run)
            if not room(cuda.max_memory_allocated(device) - before):
                raise MemoryError("there is no room for what it works on")
            # Which recording does by itself, and then it would count as memory that was given back.
            release_memory()
            reserved = cuda.memory_reserved(device)
            graph, answer = self._recorder.record(device, run, network.aside)
            self._size = max(0, cuda.memory_reserved(device) - reserved)
        except Exception as error:
            self._failed = True
            log.info("%s is not recorded: %s", type(network.module).__name__, error)
            return
        self._graph, self._answer, self._inputs = graph, answer, call.tensors
        self._addresses = network.weights.addresses()

    def changed(self, weights: Mapping[str, torch.Tensor]) -> "Recorded | None":
        inner = self._inner.changed(weights)
        return None if inner is None else Recorded(self._recorder, inner, there(self._network))

    def save(self, path: Path) -> None:
        self._inner.save(path)

    def let_go(self) -> None:
        self._drop()
        self._failed = True
        self._inner.let_go()

    def _drop(self) -> None:
        self._graph, self._answer, self._inputs, self._size = None, None, [], 0


class Graphs:
    """Records networks as PyTorch runs them, where nothing compiles them: of small forwards most of
    the time is launching kernels."""

    name = "cuda-graphs"
    keeps = False
    changes = False
    recompiles = False

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def serves(self, network: Network) -> bool:
        device = network.device
        return device.type == "cuda" and all(
            each.device == device for each in network.module.parameters()
        )

    def sizes(self, network: Network) -> tuple[int, ...]:
        return SIZES

    def most(self, network: Network) -> int:
        return 32

    def needs(self, network: Network) -> int:
        """Measured before it is recorded."""
        return 0

    def takes(self, network: Network) -> int:
        return 0

    def about(self, network: Network) -> tuple[str, str]:
        return "", ""

    def convert(self, network: Network, call: Call) -> "_Convert":
        return _Convert(self._recorder, weakref.ref(network))

    def load(self, path: Path, network: Network, call: Call, rows: int) -> Recorded:
        raise ValueError("graphs lie in no file")

    def close(self) -> None:
        """Nothing is done elsewhere."""


@dataclass(frozen=True)
class _Convert:
    recorder: Recorder
    network: "weakref.ref[Network]"

    def compiled(self, rows: int) -> Recorded:
        network = there(self.network)
        return self.recorder.over(Plain(network, rows), network)


class Plain:
    """A network as it is, for so many rows."""

    prepared = True
    memory = 0

    def __init__(self, network: Network, rows: int) -> None:
        self.rows = rows
        self._network = weakref.ref(network)

    def run(self, call: Call) -> torch.Tensor:
        args, kwargs = call.arguments(call.filled_up(self.rows))
        return there(self._network).eager(*args, **kwargs)[: call.rows]

    def prepare(self, call: Call, room: Room) -> None:
        """It is ready."""

    def changed(self, weights: Mapping[str, torch.Tensor]) -> None:
        """None: it has the network's own."""
        return None

    def save(self, path: Path) -> None:
        raise OSError("there is nothing to be kept")

    def let_go(self) -> None:
        """It holds nothing."""
