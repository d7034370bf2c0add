"""Tensors that say they are on `cuda:0` and are computed on the CPU, in their real dtype.

A CPU forgives what CUDA refuses, and never makes anybody wait. Under `Pretended` the same code
runs as it would there, and it is recorded where it would fail and where the host would stand still
until the device has caught up.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.pretended.accelerator.graphs import Done, recording
from tests.pretended.accelerator.memory import Memory
from tests.pretended.accelerator.operations import (
    ONE_DTYPE,
    SCALAR,
    SIZE_ON_HOST,
    WHOLE,
    composite,
    mapped,
    tensors,
)
from tests.pretended.accelerator.record import Event, Record, where
from tests.pretended.accelerator.streams import Point, Streams

STAGED = 64 * 1024
"""Bytes up to which the driver takes a copy of ordinary memory at once; for more it waits for the
stream, unless the memory is pinned."""

META = torch.device("meta")
"""Where C++ believes the pretended tensors to be: as good as where their neighbours are."""


class OnDevice(torch.Tensor):
    """A tensor of the pretended device; `held` has its numbers."""

    held: torch.Tensor
    number: int

    @staticmethod
    def __new__(cls: Any, held: torch.Tensor, number: int) -> OnDevice:
        # A view made in inference mode of what was made outside is no tensor of that mode.
        with torch.inference_mode(held.is_inference()):
            # torch looks for CUDA where C++ sees a tensor on it, so C++ is told another device.
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                held.size(),
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=torch.device("meta"),
                requires_grad=held.requires_grad,
            )
        made.held, made.number = held, number
        return made

    def __repr__(self, **_: Any) -> str:
        return f"OnDevice({tuple(self.shape)}, {self.dtype}, {self.device})"

    def get_device(self) -> int:
        return self.number

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu().")

    def record_stream(self, s: Any) -> None:
        Pretended.running.streams.recorded(self.held, s.number)

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def untyped_storage(self) -> Any:
        return self.held.untyped_storage()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return Pretended.running.run(func, args, kwargs or {})


def _number(tensor: OnDevice) -> torch.device:
    return torch.device("cuda", tensor.number)


# What C++ answers of a tensor is said by the class; torch's stubs know these as plain values.
for name, value in {
    "device": property(_number),
    "is_cuda": True,
    "is_cpu": False,
    "is_meta": False,
    "__torch_function__": torch._C._disabled_torch_function_impl,
}.items():
    setattr(OnDevice, name, value)


def real(value: Any) -> Any:
    """The CPU's tensor of a pretended one; anything else as it is."""
    return value.held if isinstance(value, OnDevice) else value


class Pretended(TorchDispatchMode):
    """Has whatever is asked to be on `cuda` be pretended tensors, of `count` devices that hold
    `memory` bytes each. One at a time, and in every thread that begins meanwhile."""

    running: Pretended

    def __init__(self, count: int = 1, memory: int = 80 * 10**9) -> None:
        super().__init__()
        self.count = count
        self.lag = 0
        """How often an event says that the device is not so far yet."""
        self.record = Record()
        self.memory = Memory(memory)
        self.streams = Streams(self.mixed)
        self._pinned: set[int] = set()
        self._current = threading.local()

    @property
    def current(self) -> int:
        """The device that is this thread's own."""
        return getattr(self._current, "index", 0)

    @current.setter
    def current(self, index: int) -> None:
        if not 0 <= index < self.count:
            raise RuntimeError("CUDA error: invalid device ordinal")
        self._current.index = index

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.run(func, args, kwargs or {})

    def wait(self, what: str, point: Point | None = None) -> None:
        """The host waits: for all, or until a stream has come so far."""
        if recording() is not None:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        self.streams.settled(point)
        self.record.waits.append(Event(what, where()))

    def mixed(self, what: str) -> None:
        self.record.mixes.append(Event(what, where()))

    def put(self, tensor: Any, index: int) -> Any:
        """The tensor as one of the device."""
        if not isinstance(tensor, torch.Tensor) or isinstance(tensor, OnDevice):
            return tensor
        self.memory.take(tensor, index)
        self.streams.made(tensor)
        return OnDevice(tensor, index)

    def index_of(self, device: Any) -> int | None:
        """Which pretended device is meant; None for another kind."""
        device = torch.device(device) if device is not None else None
        if device is None or device.type != "cuda":
            return None
        return self.current if device.index is None else device.index

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name: str = func._schema.name
        if name == "aten::type_as":
            other = args[1]
            return self._to(torch.ops.aten.to.other, (args[0], other), {})
        if name == "aten::to":
            return self._to(func, args, kwargs)
        if name in ("aten::pin_memory", "aten::_pin_memory"):
            copy = args[0].clone()
            self._pinned.add(copy.untyped_storage()._cdata)
            weakref.finalize(
                copy.untyped_storage(), self._pinned.discard, copy.untyped_storage()._cdata
            )
            return copy
        if name == "aten::is_pinned":
            return not isinstance(args[0], OnDevice) and self._is_pinned(args[0])
        if name not in WHOLE and composite(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        leaves = list(tensors((args, kwargs)))
        here = [each for each in leaves if isinstance(each, OnDevice)]
        if here and kwargs.get("device") == META:
            kwargs = {**kwargs, "device": here[0].device}
        there = self.index_of(kwargs.get("device"))
        if not here and there is None:
            return func(*args, **kwargs)
        self.record.operations += 1
        plain = dict(kwargs)
        if plain.get("device") is not None:
            plain["device"] = torch.device("cpu")
        plain.pop("pin_memory", None)
        if name == "aten::_to_copy":
            return self._to_copy(func, args[0], kwargs, plain, there)
        if name == "aten::copy_":
            return self._copy(args, kwargs)
        if name in SCALAR:
            self.wait("a number read")
            return func(*mapped(real, args), **mapped(real, plain))
        self._look(name, args, leaves, here)
        index = there if there is not None else here[0].number
        self._told(func, args, here)
        out = self._do(func, mapped(real, args), mapped(real, plain))
        if isinstance(out, torch.Tensor):
            # In place: what comes back is what was given.
            for each in here:
                if each.held is out:
                    return each
        return mapped(lambda one: self.put(one, index), out)

    def _told(self, func: Any, args: Any, here: list[OnDevice]) -> None:
        """The current stream does something with tensors of the device."""
        names = [each.name for each in func._schema.arguments if each.is_write]
        places = [n for n, each in enumerate(func._schema.arguments) if each.name in names]
        written = [
            each.held
            for place in places
            if place < len(args)
            for each in tensors(args[place])
            if isinstance(each, OnDevice)
        ]
        over = {id(each) for each in written}
        read = [each.held for each in here if id(each.held) not in over]
        self.streams.used(read, written, func._schema.name)

    def _do(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        if (graph := recording()) is not None:
            graph.done.append(Done(func, args, kwargs, out))
        return out

    def _look(self, name: str, args: Any, leaves: list[Any], here: list[OnDevice]) -> None:
        """Records what is wrong with an operation's tensors, and whether it makes the host wait."""
        if name in SIZE_ON_HOST:
            self.wait(f"{name}'s size")
        if len({each.number for each in here}) > 1:
            self.mixed(f"{name} of tensors on two devices")
        if name in ("aten::index", "aten::index_put_", "aten::_index_put_impl_"):
            self._look_at_indices(name, args)
        # A number in a tensor of no dimension may lie anywhere.
        elif here and (
            strange := [e for e in leaves if not isinstance(e, OnDevice) and e.dim() > 0]
        ):
            self.mixed(f"{name} with {[tuple(each.shape) for each in strange]} of the CPU")
        dtypes = {each.dtype for each in leaves if each.is_floating_point() and each.dim() > 0}
        if len(dtypes) > 1 and name in ONE_DTYPE:
            self.mixed(f"{name} of {', '.join(sorted(map(str, dtypes)))}")

    def _look_at_indices(self, name: str, args: Any) -> None:
        on_device = isinstance(args[0], OnDevice)
        for each in tensors(args[1]):
            assert isinstance(each, OnDevice) or not each.is_meta, "an index without numbers"
            if each.dtype == torch.bool:
                self.wait(f"{name} by a mask")
            if not isinstance(each, OnDevice) and on_device:
                self.wait(f"{name} by indices of the CPU")
            if isinstance(each, OnDevice) and not on_device:
                self.mixed(f"{name} of the CPU's tensor by indices of the device")

    def _to(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """All overloads of `to`, which does nothing where there is nothing to do."""
        names = [each.name for each in func._schema.arguments]
        asked = dict(zip(names, args, strict=False)) | kwargs
        source, device, dtype = asked["self"], asked.get("device"), asked.get("dtype")
        if (other := asked.get("other")) is not None:
            device, dtype = other.device, other.dtype
        if device == META and not isinstance(source, OnDevice):
            # Where another tensor is, which C++ was asked for.
            device = torch.device("cuda")
        device = source.device if device in (None, META) else torch.device(device)
        if (index := self.index_of(device)) is not None:
            device = torch.device("cuda", index)
        dtype = dtype or source.dtype
        form = asked.get("memory_format")
        same = device.type == source.device.type and (
            index is None or not isinstance(source, OnDevice) or index == source.number
        )
        as_it_is = form in (None, torch.preserve_format) and not asked.get("copy")
        if same and dtype == source.dtype and as_it_is:
            return source
        options = {"dtype": dtype, "device": device}
        options["non_blocking"] = bool(asked.get("non_blocking"))
        if form is not None:
            options["memory_format"] = form
        return self.run(torch.ops.aten._to_copy.default, (source,), options)

    def _to_copy(
        self, func: Any, source: Any, asked: dict[str, Any], plain: Any, there: int | None
    ) -> Any:
        if isinstance(source, OnDevice) and asked.get("device") is not None and there is None:
            # An asynchronous copy to ordinary memory waits as well.
            self.wait("a copy to the host")
            return func(source.held, **plain).clone()
        if isinstance(source, OnDevice):
            index = source.number if there is None else there
            self._told(func, (), [source])
            copied = self._do(func, (source.held,), plain)
            if copied.untyped_storage()._cdata == source.held.untyped_storage()._cdata:
                copied = copied.clone()
            return self.put(copied, index)
        if there is None:
            return func(source, **plain)
        self._sent(source, bool(asked.get("non_blocking")))
        return self.put(func(source, **plain).clone(), there)

    def _copy(self, args: Any, kwargs: dict[str, Any]) -> Any:
        to, source = args[0], args[1]
        non_blocking = bool(args[2] if len(args) > 2 else kwargs.get("non_blocking"))
        if isinstance(to, OnDevice) and not isinstance(source, OnDevice):
            self._sent(source, non_blocking)
        elif isinstance(source, OnDevice) and not (
            isinstance(to, OnDevice) or (non_blocking and self._is_pinned(to))
        ):
            self.wait("a copy to the host")
        self._told(torch.ops.aten.copy_.default, args, [a for a in args if isinstance(a, OnDevice)])
        self._do(torch.ops.aten.copy_.default, (real(to), real(source)), {})
        return to

    def _sent(self, source: torch.Tensor, non_blocking: bool) -> None:
        size = source.numel() * source.element_size()
        if not size:
            return
        if recording() is not None:
            raise RuntimeError("a graph would read the host's memory at each replay")
        if not non_blocking:
            self.wait("a blocking copy to the device")
        elif size > STAGED and not self._is_pinned(source):
            self.wait("a copy to the device of memory that is not pinned")

    def _is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._pinned
