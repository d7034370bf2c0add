"""Transformers whose weights take less memory: int8, fp8, nf4, int4."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from worker.models.files.errors import SourceError
from worker.models.tables import ModelEntry

NEEDS = {"int8": "torchao", "fp8": "torchao", "int4": "torchao", "nf4": "bitsandbytes"}
"""The package of each."""

EXTRA = {"torchao": "quantize", "bitsandbytes": "nf4"}
"""The extra of darkroom that brings it."""

ON_A_CARD = ("nf4", "int4")
"""Those whose kernels are for CUDA alone."""


def quantization(entry: ModelEntry, device: torch.device, dtype: torch.dtype) -> Any | None:
    """diffusers' configuration of what an entry asks for; None where it asks for nothing.

    Raises SourceError where the machine cannot do it, with what is missing.
    """
    kind = entry.quantize
    if kind is None:
        return None
    where = f"{entry.where}.quantize"
    package = NEEDS[kind]
    if find_spec(package) is None:
        raise SourceError(
            f"{where}: {kind} needs the package {package}, which is not installed; the extra"
            f" `{EXTRA[package]}` of darkroom brings it."
        )
    if kind in ON_A_CARD and device.type != "cuda":
        raise SourceError(
            f"{where}: {kind} is for CUDA cards, and this is {device}; int8 and fp8 run everywhere."
        )
    # Here, because they import the packages, which are optional.
    from diffusers.quantizers import quantization_config as configs

    known: Any = configs
    if kind == "nf4":
        return known.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    return known.TorchAoConfig(_torchao(kind))


def by_torchao(config: Any) -> bool:
    """Whether torchao does it, which can also when the weights are there already."""
    return hasattr(config, "quant_type")


def quantize(model: Any, config: Any) -> None:
    """Quantizes a transformer that was loaded whole, part by part, in place."""
    import_module("torchao.quantization").quantize_(model, config.quant_type)


def _torchao(kind: str) -> Any:
    known = import_module("torchao.quantization")
    classes: dict[str, Any] = {
        "int8": known.Int8WeightOnlyConfig,
        "fp8": known.Float8WeightOnlyConfig,
        "int4": known.Int4WeightOnlyConfig,
    }
    return classes[kind]()
