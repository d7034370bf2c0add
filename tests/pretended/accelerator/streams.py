"""Streams of pretended devices: what a stream has not waited for it may not read, write, or get the
memory of. All is done at once; what is kept is only in which order a card would have been told."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

Point = tuple[int, int]
"""A stream, and how many operations it had been told by then."""


@dataclass
class Use:
    """Who made a storage, wrote and read it last, and who else is known to use it."""

    home: int
    written: Point
    read: dict[int, int] = field(default_factory=dict[int, int])
    recorded: set[int] = field(default_factory=set[int])


class Streams:
    """The order that streams were told. `wrong` is told what was not waited for."""

    def __init__(self, wrong: Callable[[str], None]) -> None:
        self._wrong = wrong
        self._told: defaultdict[int, int] = defaultdict(int)
        self._seen: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._uses: dict[int, Use] = {}
        self._last = 0
        self._own = threading.local()

    def new(self) -> int:
        """Another stream."""
        self._last += 1
        return self._last

    @property
    def current(self) -> int:
        """The one that this thread's operations go to; 0 is the default one of all devices."""
        return getattr(self._own, "number", 0)

    @current.setter
    def current(self, number: int) -> None:
        self._own.number = number

    def now(self, stream: int) -> Point:
        """Where a stream is."""
        return stream, self._told[stream]

    def wait(self, stream: int, point: Point) -> None:
        """The stream goes on after that."""
        other, count = point
        self._seen[stream][other] = max(self._seen[stream][other], count)
        for third, seen in list(self._seen[other].items()):
            self._seen[stream][third] = max(self._seen[stream][third], seen)

    def settled(self, point: Point | None = None) -> None:
        """The host waited: whatever it tells anybody from now on comes after that."""
        points = [point] if point else [self.now(each) for each in list(self._told)]
        for stream in range(self._last + 1):
            for each in points:
                self.wait(stream, each)

    def made(self, tensor: torch.Tensor) -> None:
        """The tensor's storage is new, or was written."""
        stream, storage = self.current, tensor.untyped_storage()
        use = self._uses.get(storage._cdata)
        if use is None:
            self._uses[storage._cdata] = Use(stream, self.now(stream))
            weakref.finalize(storage, self._gone, storage._cdata)
        else:
            use.written = self.now(stream)

    def used(self, read: Iterable[Any], written: Iterable[Any], name: str) -> None:
        """An operation of the current stream."""
        stream = self.current
        self._told[stream] += 1
        for tensor in read:
            use = self._uses.get(tensor.untyped_storage()._cdata)
            if use is None:
                continue
            if not self._is_past(stream, use.written):
                self._wrong(f"{name} of what another stream may still write")
            use.read[stream] = self._told[stream]
        for tensor in written:
            use = self._uses.get(tensor.untyped_storage()._cdata)
            if use is None:
                continue
            if not all(self._is_past(stream, each) for each in (use.written, *use.read.items())):
                self._wrong(f"{name} over what another stream may still use")
            use.written = self.now(stream)

    def recorded(self, tensor: torch.Tensor, stream: int) -> None:
        """The tensor's memory is not given to others before the stream has come so far."""
        use = self._uses.get(tensor.untyped_storage()._cdata)
        if use is not None:
            use.recorded.add(stream)

    def _is_past(self, stream: int, point: Point) -> bool:
        other, count = point
        return other == stream or self._seen[stream][other] >= count

    def _gone(self, key: int) -> None:
        use = self._uses.pop(key)
        after = [use.written, *use.read.items()]
        for stream, count in after:
            if stream not in use.recorded and not self._is_past(use.home, (stream, count)):
                self._wrong("memory is given back that another stream may still use")
                return
