"""Where in a picture each of its prompts counts."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from worker.engine.request import Region


def shares(regions: Sequence[Region], height: int, width: int) -> list[torch.Tensor | None]:
    """How much of each latent pixel (1, 1, height, width) is said by the picture's own prompt and
    by that of each region; together 1 everywhere. None for a prompt that has no place at all.

    Where regions together say more than all, each says so much less.
    """
    said = [region.weight * _at(region, height, width) for region in regions]
    whole = torch.stack(said).sum(dim=0)
    parts = [each / whole.clamp(min=1) for each in said]
    parts.insert(0, 1 - whole.clamp(max=1))
    return [part if bool(part.any()) else None for part in parts]


def _at(region: Region, height: int, width: int) -> torch.Tensor:
    levels = torch.from_numpy(region.mask)[None, None].float() / 255
    return functional.interpolate(levels, (height, width), mode="area")
