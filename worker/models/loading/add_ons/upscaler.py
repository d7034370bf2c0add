"""Loads upscalers of the ESRGAN kind."""

from __future__ import annotations

from pathlib import Path

import torch

from worker.engine.errors import ModelUnavailable
from worker.engine.parts.upscaler import PixelUpscaler
from worker.models.loading.add_ons.by_spandrel import FACES, read_network


def load_upscaler(
    path: Path, device: torch.device, dtype: torch.dtype, name: str = ""
) -> PixelUpscaler:
    """The upscaler of a .safetensors file, in `dtype` where it can work in it, else in float32.

    Raises ModelUnavailable where spandrel is missing, the file is no safetensors file, or it holds
    no network that enlarges RGB pictures.
    """
    name = name or path.stem
    found = read_network(path, name, "upscaler")
    if found.purpose == FACES:
        raise ModelUnavailable(
            f"upscaler: {path.name} restores faces; [face_restorers.{name}] of models.toml has"
            " such files."
        )
    able = {torch.float16: found.supports_half, torch.bfloat16: found.supports_bfloat16}
    if not able.get(dtype, True):
        dtype = torch.float32
    found.to(device, dtype).eval()
    return PixelUpscaler(name, found, found.scale, device, dtype, found.model)
