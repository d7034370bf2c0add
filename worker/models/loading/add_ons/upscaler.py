"""Loads upscalers of the ESRGAN kind through spandrel, which knows their many layouts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from worker.engine.errors import ModelUnavailable
from worker.engine.parts.upscaler import PixelUpscaler


def load_upscaler(
    path: Path, device: torch.device, dtype: torch.dtype, name: str = ""
) -> PixelUpscaler:
    """The upscaler of a .safetensors file, in `dtype` where it can work in it, else in float32.

    Raises ModelUnavailable where spandrel is missing, the file is no safetensors file, or it holds
    no network that enlarges RGB pictures.
    """
    name = name or path.stem
    if path.suffix != ".safetensors":
        raise ModelUnavailable(
            f"upscaler: {path.name} is no .safetensors file; the others are pickles, which can run"
            " any code when they are opened. Convert it first."
        )
    spandrel = _spandrel(name)
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"upscaler: {path.name} cannot be read: {error}") from error
    try:
        found = spandrel.ModelLoader().load_from_state_dict(weights)
    except spandrel.UnsupportedModelError:
        raise ModelUnavailable(
            f"upscaler: {path.name} holds no network that spandrel {spandrel.__version__} knows."
        ) from None
    _check(found, spandrel, path)
    able = {torch.float16: found.supports_half, torch.bfloat16: found.supports_bfloat16}
    if not able.get(dtype, True):
        dtype = torch.float32
    found.to(device, dtype).eval()
    return PixelUpscaler(name, found, found.scale, device, dtype)


def _spandrel(name: str) -> Any:
    # Only here, so that nobody needs it, nor the torchvision that it needs, without an upscaler.
    try:
        return import_module("spandrel")
    except (ImportError, RuntimeError) as error:
        # RuntimeError is a torchvision that was built for another torch.
        raise ModelUnavailable(
            f"upscaler: {name} needs spandrel and a torchvision that fits torch"
            f" {torch.__version__}: install darkroom[upscale] ({error})."
        ) from error


def _check(found: Any, spandrel: Any, path: Path) -> None:
    colours = found.input_channels, found.output_channels
    if not isinstance(found, spandrel.ImageModelDescriptor) or colours != (3, 3):
        raise ModelUnavailable(
            f"upscaler: {path.name} is a {found.architecture.name} that does not take one RGB"
            " picture to another."
        )
