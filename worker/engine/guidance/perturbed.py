"""Perturbed attention (arXiv 2403.17377): the answer of a network that sees no other place."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from worker.engine.ground.transfer import sent


@contextmanager
def perturbed(attentions: Sequence[Any], rows: Sequence[bool]) -> Iterator[None]:
    """Within it each place of these rows of a forward sees itself alone in these attentions."""

    def itself(layer: Any, args: tuple[torch.Tensor, ...], seen: torch.Tensor) -> torch.Tensor:
        alone = layer.to_out[0](layer.to_v(args[0]))
        which = sent(torch.tensor(rows), seen.device).view(-1, 1, 1)
        return torch.where(which, alone, seen)

    with ExitStack() as hooks:
        for layer in attentions:
            hooks.callback(layer.register_forward_hook(itself).remove)
        yield
