"""Pictures whose edges meet: convolutions that see the other edge beyond this one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from worker.engine.ground.transfer import sent
from worker.engine.request import Tiling

Widths = tuple[int, int, int, int]


@contextmanager
def wrapping(modules: Sequence[Any], rows: Sequence[Tiling]) -> Iterator[None]:
    """Within it the modules' convolutions wrap at the edges that each row's tiling says."""
    if set(rows) <= {"none"}:
        yield
        return
    undo = [_wrap(module, rows) for module in modules]
    try:
        yield
    finally:
        for each in undo:
            each()


def wrap_for_good(module: Any, tiling: Tiling) -> None:
    """The same for all that the module ever does."""
    _wrap(module, [tiling])


def _wrap(module: Any, rows: Sequence[Tiling]) -> Callable[[], None]:
    """Pads before each convolution, so that all that hangs on it sees the padded rows; returns what
    undoes it."""
    across = [row in ("x", "both") for row in rows]
    down = [row in ("y", "both") for row in rows]
    kept: list[tuple[torch.nn.Conv2d, Any, Any]] = []
    for each in module.modules():
        if isinstance(each, torch.nn.Conv2d) and each.padding != (0, 0):
            hook = each.register_forward_pre_hook(_padding(each, across, down))
            kept.append((each, each.padding, hook))
            each.padding = (0, 0)

    def undo() -> None:
        for each, padding, hook in kept:
            each.padding = padding
            hook.remove()

    return undo


def _padding(layer: torch.nn.Conv2d, across: list[bool], down: list[bool]) -> Any:
    above, beside = (int(width) for width in layer.padding)

    def pad(_: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        wide = _padded(args[0], (beside, beside, 0, 0), across)
        return (_padded(wide, (0, 0, above, above), down), *args[1:])

    return pad


def _padded(rows: torch.Tensor, widths: Widths, wraps: list[bool]) -> torch.Tensor:
    if not any(wraps):
        return functional.pad(rows, widths)
    wrapped = functional.pad(rows, widths, mode="circular")
    if all(wraps):
        return wrapped
    which = sent(torch.tensor(wraps), rows.device).view(-1, 1, 1, 1)
    return torch.where(which, wrapped, functional.pad(rows, widths))
