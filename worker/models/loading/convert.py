"""A pickle of weights made a .safetensors file, without running anything that is in it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch

from worker.models.files.errors import SourceError
from worker.models.tables import PICKLED

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
"""Under which of these names trainers put the weights, the smoothed ones first."""

save_file: Any = cast(Any, safetensors.torch).save_file


def convert(file: Path) -> Path:
    """Writes FILE.safetensors beside a pickle of weights, and returns where.

    The pickle is read by PyTorch's loader of weights alone, which makes tensors and plain values
    and calls nothing else that a file names. Raises SourceError where it holds more than weights,
    or none, or where the target is there already.
    """
    target = file.with_suffix(".safetensors")
    if not file.name.endswith(PICKLED):
        raise SourceError(f"{file} is no {', '.join(PICKLED)} file.")
    if target.exists():
        raise SourceError(f"{target} is there already.")
    tensors = _weights(_loaded(file))
    if not tensors:
        raise SourceError(f"{file} holds no weights.")
    part = target.with_name(f".{target.name}.part")
    try:
        save_file(tensors, str(part))
        os.replace(part, target)
    except OSError as error:
        raise SourceError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _loaded(file: Path) -> object:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise SourceError(
            f"{file} is broken, or holds more than weights: PyTorch's loader of weights does not"
            " take it, and nothing of it was run."
        ) from error


def _weights(loaded: object) -> dict[str, torch.Tensor]:
    """The tensors by their names, each with memory of its own, as safetensors has them."""
    if not isinstance(loaded, Mapping):
        return {}
    found = cast(Mapping[str, object], loaded)
    inner = next((found[each] for each in WRAPPERS if isinstance(found.get(each), Mapping)), found)
    return {
        name: each.detach().clone().contiguous()
        for name, each in cast(Mapping[str, object], inner).items()
        if isinstance(each, torch.Tensor)
    }
