"""How surely each place is meant, as greys."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

Mask = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width): how surely each place is meant, 255 being certain."""


def stretched(logits: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Logits (N, H, W) at another size."""
    return functional.interpolate(
        logits[None].float(), size=size, mode="bilinear", align_corners=False
    )[0]


def in_greys(logits: torch.Tensor) -> Mask:
    """Logits (H, W) as probabilities."""
    return (torch.sigmoid(logits.float()) * 255).round().to(torch.uint8).numpy()
