"""What has code that names `cuda` reach the pretended device, in every thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch.overrides import TorchFunctionMode

from tests.pretended.accelerator.device import META, OnDevice, Pretended

INDEXED: Any = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
SET_DATA: Any = cast(Any, torch.Tensor.data).__set__


class Numbered(TorchFunctionMode):
    """Gives a `cuda` its number before torch asks CUDA for the current device, and numbers that are
    put into a tensor the tensor's device, which C++ would not find."""

    def __init__(self, mode: Pretended) -> None:
        super().__init__()
        self._mode = mode

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in INDEXED and isinstance(args[0], OnDevice):
            # C++ would make a tensor of them where it believes the other to be: without numbers.
            args = (args[0], _listed(args[1]), *args[2:])
        if func is torch.Tensor.__setitem__ and isinstance(args[0], OnDevice):
            to, place, value = args
            if isinstance(value, int | float):
                value = torch.full((), value, dtype=to.dtype, device=to.device)
            return func(to, place, value)
        if func == SET_DATA and isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice):
            # A tensor of one kind takes no memory of another, as those of a CPU and CUDA do.
            return torch.utils.swap_tensors(args[0], torch.nn.Parameter(args[1].detach(), False))
        if func is torch.Tensor.to and isinstance(args[0], OnDevice) and META in map(_named, args):
            return torch.empty_like(args[0].held, device="meta")
        if func is torch.Tensor.cuda:
            func, args = torch.Tensor.to, (args[0], *(args[1:] or ("cuda",)))
        if func is not torch.device:
            args = tuple(map(self._numbered, args))
            kwargs = {name: self._numbered(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)

    def _numbered(self, value: Any) -> Any:
        if isinstance(value, torch.device) or (isinstance(value, str) and value == "cuda"):
            index = self._mode.index_of(value)
            return value if index is None else torch.device("cuda", index)
        return value


def _listed(index: Any) -> Any:
    """An index with its lists as tensors of the CPU, which is where CUDA has them come from."""
    if isinstance(index, tuple):
        return tuple(map(_listed, cast("tuple[Any, ...]", index)))
    return torch.tensor(index) if isinstance(index, list) else index


def _named(value: Any) -> Any:
    return torch.device(value) if value == "meta" else value


@contextmanager
def in_every_thread(mode: Pretended) -> Iterator[None]:
    """The mode is on in threads that begin meanwhile; each thread has its own modes."""
    run: Callable[[threading.Thread], None] = threading.Thread.run

    def pretending(thread: threading.Thread) -> None:
        with mode, Numbered(mode):
            run(thread)

    threading.Thread.run = pretending
    try:
        with mode, Numbered(mode):
            yield
    finally:
        threading.Thread.run = run
