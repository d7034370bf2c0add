"""CUDA graphs of a pretended device: operations that were recorded, and are done again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Done:
    """An operation on real tensors, and what it made."""

    func: Any
    args: Any
    kwargs: dict[str, Any]
    out: Any

    def again(self) -> None:
        """What it makes of what its tensors are now goes to where it went."""
        new = self.func(*self.args, **self.kwargs)
        for made, anew in zip(_tensors(self.out), _tensors(new), strict=True):
            if made.untyped_storage()._cdata != anew.untyped_storage()._cdata:
                made.copy_(anew)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


class Graph:
    """torch.cuda.CUDAGraph."""

    recording: Graph | None = None

    def __init__(self) -> None:
        self.done: list[Done] = []
        self.replays = 0
        self._thread = 0

    @property
    def is_ours(self) -> bool:
        """Whether it is this thread that records."""
        return self._thread == threading.get_ident()

    def replay(self) -> None:
        self.replays += 1
        with torch.inference_mode():
            for each in self.done:
                each.again()

    @contextmanager
    def record(self, mode: str) -> Iterator[None]:
        """What this thread does meanwhile is recorded."""
        assert Graph.recording is None, "two graphs at once"
        assert mode == "thread_local", "what other threads do would be a fault"
        Graph.recording, self._thread = self, threading.get_ident()
        try:
            yield
        finally:
            Graph.recording = None


def recording() -> Graph | None:
    """The graph that this thread records."""
    graph = Graph.recording
    return graph if graph is not None and graph.is_ours else None
