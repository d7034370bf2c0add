"""The weights that a compiled network stands on: where the plain one's are, and whether still."""

from collections.abc import Iterator
from typing import Any

import torch

Slot = tuple[dict[str, Any], str]


class Weights:
    """Parameters and buffers of a module by their names, as they are at any moment."""

    def __init__(self, module: Any) -> None:
        self._slots = dict(_slots(module))

    def tensor(self, name: str) -> torch.Tensor:
        """One of them. Raises KeyError for a name that there is none of."""
        tensors, key = self._slots[name]
        return tensors[key]

    def addresses(self) -> list[int]:
        """Where each of them lies in memory."""
        return [tensors[key].data_ptr() for tensors, key in self._slots.values()]


def _slots(module: Any) -> Iterator[tuple[str, Slot]]:
    for path, part in module.named_modules():
        for tensors in (part._parameters, part._buffers):
            for key, tensor in tensors.items():
                if tensor is not None:
                    yield f"{path}.{key}" if path else key, (tensors, key)
