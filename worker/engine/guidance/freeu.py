"""FreeU (arXiv 2309.11497): in a U-Net's way up, more of its backbone and less of what skips it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from diffusers.utils.torch_utils import fourier_filter

from worker.engine.ground.transfer import sent
from worker.engine.parts.junction import Junction
from worker.engine.request import FreeU


@contextmanager
def freed(junctions: Sequence[Junction], rows: Sequence[FreeU | None]) -> Iterator[None]:
    """Within it the rows of a forward that ask for FreeU go up with it."""
    with ExitStack() as hooks:
        for junction in junctions:
            hook = junction.layer.register_forward_pre_hook(_turning(junction, rows))
            hooks.callback(hook.remove)
        yield


def _turning(junction: Junction, rows: Sequence[FreeU | None]) -> Any:
    first = junction.stage == 0
    backbones = [1.0 if each is None else (each.b1 if first else each.b2) for each in rows]
    skips = [1.0 if each is None else (each.s1 if first else each.s2) for each in rows]

    def turn(_: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        given = args[0]

        def per_row(numbers: Sequence[float]) -> torch.Tensor:
            return sent(torch.tensor(numbers), given.device).view(-1, 1, 1, 1)

        acting = per_row([float(each is not None) for each in rows]) > 0
        half = junction.channels // 2
        backbone, skip = given[:, : junction.channels], given[:, junction.channels :]
        raised = (backbone[:, :half] * per_row(backbones)).to(given.dtype)
        # Annotated as if one number were all that it takes.
        filtered = fourier_filter(skip, threshold=1, scale=per_row(skips))  # pyright: ignore[reportArgumentType]
        turned = torch.cat([raised, backbone[:, half:], filtered], dim=1)
        return (torch.where(acting, turned, given), *args[1:])

    return turn
