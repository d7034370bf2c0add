"""How much memory a row of a forward takes: measured once a shape, so that what can never fit is
refused before it costs anything."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from worker.engine.errors import OutOfMemory, say

T = TypeVar("T")

# A forward is refused only where it would need clearly more than there is: from one size to
# another the estimate goes by area, and what does not grow with it is counted along.
SURE = 1.5

# Kept free for what a forward's estimate leaves out: the allocator's fragments.
MARGIN = 1.2


@dataclass(frozen=True)
class ForwardShape:
    """What a forward's time and memory depend on: the model, its latents' height and width, the
    other inputs by name and shape, whether something beside the network has a part in some of its
    rows (ControlNets, adapters and their like), and whether only the plain network will do."""

    model: str
    height: int
    width: int
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    steered: bool = False
    plain: bool = False

    @property
    def area(self) -> int:
        return self.height * self.width


class Footprints:
    """Bytes that a row takes beyond the weights, for each shape that was measured."""

    def __init__(self, measured: dict[ForwardShape, int] | None = None) -> None:
        self.measured = dict(measured or {})

    def learn(self, shape: ForwardShape, bytes_per_row: int) -> None:
        """Takes in what a row of a forward of this shape took."""
        self.measured[shape] = bytes_per_row

    def forget(self, model: str) -> None:
        """The name stands for another model from now on."""
        self.measured = {
            shape: each for shape, each in self.measured.items() if shape.model != model
        }

    def bytes_per_row(self, shape: ForwardShape) -> int | None:
        """What a row takes: as measured, or by area from the model's next smaller shape, else its
        next larger one; None where nothing of this model was measured."""
        if shape in self.measured:
            return self.measured[shape]
        others = [other for other in self.measured if other.model == shape.model]
        if not others:
            return None
        nearest = min(others, key=lambda other: (other.area > shape.area, _apart(other, shape)))
        return round(self.measured[nearest] * shape.area / nearest.area)

    def check(self, shape: ForwardShape, width: int, height: int, free: int) -> None:
        """Raises OutOfMemory where one row of `width` x `height` pixels would need far more than
        the `free` bytes there can ever be; it says what would fit."""
        needed = self.bytes_per_row(shape)
        if needed is None or needed <= free * SURE:
            return
        shrink = (free / (needed * MARGIN)) ** 0.5
        factor = max(1, width // shape.width)
        fitting = (max(factor, int(side * shrink) // factor * factor) for side in (width, height))
        raise OutOfMemory(
            say(
                "picture-needs-memory",
                "width, height: a picture of {size} needs about {needed} of memory and at most"
                " {free} can be had; about {fitting} would fit.",
                size=f"{width}x{height}",
                needed=_readable(needed),
                free=_readable(free),
                fitting="x".join(map(str, fitting)),
            )
        )


def tracked(work: Callable[[], T]) -> tuple[T, int]:
    """What `work` returns, and the most bytes of tensors it had in memory at once.

    Goes by the tensors that each operation returns, so it counts the same on every device, and
    nothing of what an operation takes inside itself.
    """
    with _Peak() as peak:
        result = work()
    return result, peak.most


class _Peak(TorchDispatchMode):
    """Follows the storages of all tensors made under it."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.most = 0
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        before = {
            _identity(leaf.untyped_storage())
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor)
        }
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._follow(leaf.untyped_storage(), before)
        self.most = max(self.most, self.live)
        return result

    def _follow(self, storage: Any, before: set[int]) -> None:
        # A view, or an operation in place, has the storage of what it was given.
        key = _identity(storage)
        if key in self._known or key in before:
            return
        size: int = storage.nbytes()

        def gone(_: Any) -> None:
            self.live -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, gone)
        self.live += size


def _identity(storage: Any) -> int:
    """The memory that a storage stands for, whichever Python object speaks of it."""
    return storage._cdata


def _apart(one: ForwardShape, other: ForwardShape) -> float:
    return abs(one.area - other.area)


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
