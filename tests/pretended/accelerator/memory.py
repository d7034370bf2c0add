"""What pretended devices hold."""

from __future__ import annotations

import weakref
from collections import defaultdict

import torch


class Memory:
    """What each pretended device holds, the most that it takes, and what is reserved for it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used: defaultdict[int, int] = defaultdict(int)
        self.peak: defaultdict[int, int] = defaultdict(int)
        self.reserved: defaultdict[int, int] = defaultdict(int)
        self._known: set[int] = set()

    def take(self, tensor: torch.Tensor, index: int) -> None:
        """The tensor's storage is on the device. Raises OutOfMemoryError where it has no room."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        if self.used[index] + size > self.total:
            raise torch.OutOfMemoryError(
                f"CUDA out of memory. Tried to allocate {size} bytes; {self.used[index]} of"
                f" {self.total} are in use."
            )
        self._known.add(key)
        self.used[index] += size
        self.peak[index] = max(self.peak[index], self.used[index])
        self.reserved[index] = max(self.reserved[index], self.used[index])
        weakref.finalize(storage, self._gone, key, index, size)

    def give_back(self) -> None:
        """What is kept for the next tensors, and used by none, is the device's again."""
        self.reserved.update(self.used)

    def _gone(self, key: int, index: int, size: int) -> None:
        self._known.discard(key)
        self.used[index] -= size
