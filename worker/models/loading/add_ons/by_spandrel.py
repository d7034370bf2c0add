"""Networks from one picture to another, through spandrel, which knows their many layouts."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from worker.engine.errors import ModelUnavailable

FACES = "FaceSR"
"""What spandrel says that a network is for that restores faces."""

TORCHVISION = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")


def read_network(path: Path, name: str, what: str) -> Any:
    """spandrel's descriptor of the network in a .safetensors file, from one RGB picture to another;
    `what` is the field of a request that names it.

    Raises ModelUnavailable where spandrel is missing, the file is no safetensors file, or it holds
    no such network.
    """
    if path.suffix != ".safetensors":
        raise ModelUnavailable(
            f"{what}: {path.name} is no .safetensors file; the others are pickles, which can run"
            f" any code when they are opened. `darkroom models convert {path.name}` makes one."
        )
    try:
        spandrel = imported()
    except ImportError as error:
        raise ModelUnavailable(
            f"{what}: {name} needs spandrel: install darkroom[upscale] ({error})."
        ) from error
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"{what}: {path.name} cannot be read: {error}") from error
    try:
        found = spandrel.ModelLoader().load_from_state_dict(weights)
    except spandrel.UnsupportedModelError:
        raise ModelUnavailable(
            f"{what}: {path.name} holds no network that spandrel {spandrel.__version__} knows."
        ) from None
    colours = found.input_channels, found.output_channels
    if not isinstance(found, spandrel.ImageModelDescriptor) or colours != (3, 3):
        raise ModelUnavailable(
            f"{what}: {path.name} is a {found.architecture.name} that does not take one RGB"
            " picture to another."
        )
    return found


def imported() -> Any:
    """spandrel itself, imported when something that it loads is first asked for, so that nobody
    else needs it. Raises ImportError."""
    with _torchvision():
        return import_module("spandrel")


@contextmanager
def _torchvision() -> Generator[None]:
    """Within it torchvision can be imported as far as spandrel needs it.

    It takes three names of it, for all that it knows, and the torchvision of another torch than the
    one that is here breaks transformers. So where there is none that fits, these stand in; what
    rotates pictures is LaMa's, which paints under masks and is never asked for.
    """
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):
        for each in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[each]
    else:
        yield
        return
    modules = [ModuleType(name) for name in TORCHVISION]
    functional: Any = modules[-1]
    functional.normalize = _normalize
    functional.rotate = functional.InterpolationMode = None
    sys.modules.update(zip(TORCHVISION, modules, strict=True))
    try:
        yield
    finally:
        for each in TORCHVISION:
            del sys.modules[each]


def _normalize(picture: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    centre, spread = (picture.new_tensor(each)[:, None, None] for each in (mean, std))
    return (picture - centre) / spread
