"""How near each place of a picture is, or which way its surfaces look."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from worker.engine.request import Picture

FLAT = 0.1
"""How far the near part of a surface reaches towards whoever looks at it: with less, more of a map
of normals looks straight out of the picture."""


class Depth:
    """A model of depth of transformers, as a map of what is near, or of `normals`."""

    def __init__(self, model: Any, processor: Any, *, normals: bool = False) -> None:
        self._model, self._processor, self._is_of_normals = model, processor, normals

    def map(self, picture: Picture) -> Picture:
        """What a ControlNet reads of a picture (H, W, 3), in its size: the near is light, or
        colours say which way a surface looks."""
        depth = self._depth(picture)
        if self._is_of_normals:
            return _normals(depth)
        return np.dstack([(depth * 255).round().astype(np.uint8)] * 3)

    def _depth(self, picture: Picture) -> np.ndarray[Any, np.dtype[np.float32]]:
        """How near each place is, 0 to 1."""
        pixels = self._processor(images=picture, return_tensors="pt")
        with torch.inference_mode():
            found = self._model(**pixels).predicted_depth[None].float()
            found = functional.interpolate(
                found, size=picture.shape[:2], mode="bicubic", align_corners=False
            )[0, 0]
        span = (found.max() - found.min()).clamp_min(1e-6)
        return ((found - found.min()) / span).numpy()


def _normals(depth: np.ndarray[Any, np.dtype[np.float32]]) -> Picture:
    down, across = np.gradient(depth) if min(depth.shape) > 1 else (depth * 0, depth * 0)
    side = max(depth.shape)
    towards = np.full_like(depth, FLAT)
    normals = np.dstack([-across * side / 10, down * side / 10, towards])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return ((normals + 1) / 2 * 255).round().clip(0, 255).astype(np.uint8)
