"""Models of today as the engine has them: real networks with random weights, made on the device.

What is small of a pipeline, its tokenizers and its configurations, is a tiny model's of the family.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.gpu.networks import NETWORKS
from worker.engine import LoadedModel, TextEncoder, UNetModel
from worker.engine.families.known import TRANSFORMERS
from worker.engine.families.transformer import Parts
from worker.models.files.formats.layout import class_of, read_json
from worker.models.files.sources import ModelFiles
from worker.models.loading.networks.parts import tokenizer

FILLED = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.Embedding)
"""Modules whose weights are drawn here: drawing them as they draw their own takes far longer."""

SPREAD = 0.02
"""Deviation of weights, as of those that transformers begin their training with."""


def made(
    family: str, tiny: Path, device: torch.device, dtype: torch.dtype, depth: int | None
) -> LoadedModel:
    """A model of a family, as if it had been loaded; `tiny` is the folder of a tiny one."""
    index = read_json(tiny / "model_index.json")
    parts = networks(family, device, dtype, depth)
    config = read_json(tiny / "scheduler" / "scheduler_config.json")
    files = ModelFiles(tiny)
    tokenizers = {
        name: tokenizer(files, name)
        for name in index
        if "tokenizer" in name and class_of(index, name)
    }
    if family in TRANSFORMERS:
        return TRANSFORMERS[family](
            Parts(
                name=family,
                components=parts | tokenizers,
                scheduler_config=config,
                device=device,
                dtype=dtype,
                options={key: each for key, each in index.items() if not isinstance(each, list)},
                pipeline=str(index["_class_name"]),
            )
        )
    texts = [name for name in parts if name.startswith("text_encoder")]
    encoders = (TextEncoder(tokenizers[_reads(name)], parts[name]) for name in texts)
    return UNetModel(
        name=family,
        unet=parts["unet"],
        vae=parts["vae"],
        text_encoders=tuple(encoders),
        scheduler_config=config,
        device=device,
        dtype=dtype,
        family=family,
    )


def networks(
    family: str,
    device: torch.device,
    dtype: torch.dtype,
    depth: int | None,
    only: Collection[str] = (),
) -> dict[str, Any]:
    """A family's networks with random weights, or `only` these of them, by the names of a
    pipeline's parts."""
    generator = torch.Generator(device).manual_seed(0) if device.type == "cpu" else None
    parts: dict[str, Any] = {}
    with _as_they_come(device, dtype):
        for name, make in NETWORKS[family].items():
            if not only or name in only:
                parts[name] = make(depth)
    for part in parts.values():
        _fill(part, generator)
        part.to(device).eval().requires_grad_(False)
    return parts


def _reads(name: str) -> str:
    return name.replace("text_encoder", "tokenizer")


@contextmanager
def _as_they_come(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Networks are made on the device with numbers of this kind, and no weight is drawn."""
    before = torch.get_default_dtype()
    with ExitStack() as stack:
        for kind in FILLED:
            if hasattr(kind, "reset_parameters"):
                stack.enter_context(patch.object(kind, "reset_parameters", lambda _: None))
        stack.callback(torch.set_default_dtype, before)
        torch.set_default_dtype(dtype)
        stack.enter_context(device)
        yield


def _fill(network: nn.Module, generator: torch.Generator | None) -> None:
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, FILLED):
                module.weight.normal_(0, SPREAD, generator=generator)
                if getattr(module, "bias", None) is not None:
                    module.bias.zero_()
