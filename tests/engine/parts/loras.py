"""LoRAs as the worker loads them, and as diffusers puts them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.engine.helpers import open_pipeline
from tests.tiny.parts import lora_entry
from worker.engine.parts.lora import LoraWeights
from worker.models.loading.add_ons.add_ons import load_add_on

CPU = torch.device("cpu")


def loaded(file: Path) -> LoraWeights:
    return load_add_on("lora", lora_entry(file, file.stem), CPU, torch.float32)


def stock(folder: Path, files: dict[str, Path], weights: dict[str, float]) -> Any:
    """A diffusers pipeline with LoRAs as diffusers puts them on."""
    pipeline = open_pipeline(folder)
    for name in weights:
        pipeline.load_lora_weights(
            files[name].parent, weight_name=files[name].name, adapter_name=name
        )
    pipeline.set_adapters(list(weights), list(weights.values()))
    return pipeline
