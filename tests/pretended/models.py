"""Tiny models of every family, loaded as the worker loads them, and what they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.engine.helpers import Shelf
from tests.tiny.models import FAMILIES as UNETS
from tests.tiny.models import save_tiny, save_tiny_vae
from tests.tiny.parts import (
    controlnet_entry,
    embedding_entry,
    lora_entry,
    save_tiny_controlnet,
    save_tiny_embedding,
    save_tiny_lora,
)
from tests.tiny.pipelines.pipelines import SAVERS
from tests.tiny.references import (
    ip_adapter_entry,
    save_tiny_image_encoder,
    save_tiny_ip_adapter,
)
from tests.tiny.steering import save_tiny_t2i_adapter
from worker.engine import Control, Enlarge, ImageRequest, IPAdapter, Lora
from worker.models.loading.add_ons.add_ons import load_add_on, load_embedding
from worker.models.loading.loader import load_model
from worker.models.tables import ModelEntry

TRANSFORMERS = tuple(SAVERS)

SIDE = 32
"""Of all pictures, in pixels: a size that every tiny family can make."""


def save(family: str, folder: Path) -> Path:
    """Writes a tiny model of the family, unless it is there."""
    if not folder.exists():
        if family in SAVERS:
            SAVERS[family](folder)
        else:
            save_tiny(family, folder)
    return folder


def load(family: str, folder: Path, dtype: str, device: str = "cuda", **entry: Any) -> Any:
    """The model as a worker loads it."""
    table = ModelEntry(name=family, base=folder, source=str(folder), dtype=dtype, **entry)
    return load_model(table, torch.device(device))


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def mask() -> np.ndarray:
    half = np.zeros((SIDE, SIDE), np.uint8)
    half[:, SIDE // 2 :] = 255
    return half


KINDS: Mapping[str, dict[str, Any]] = {
    "text-to-image": {},
    "image-to-image": {"image": picture(), "strength": 0.75},
    "inpaint": {"image": picture(), "mask": mask(), "strength": 0.75},
    "outpaint": {"image": picture(), "mask": mask(), "fill": "noise"},
    "grey mask": {"image": picture(), "mask": mask() // 2, "differential": True},
    "variations": {"variation_seed": 5, "variation_strength": 0.3},
    "hires": {"enlarge": Enlarge(2 * SIDE, 2 * SIDE, 4, 0.5, "latent")},
    "upscale": {"image": picture(), "enlarge": Enlarge(2 * SIDE, 2 * SIDE, 4, 0.5, "lanczos")},
}
"""What each kind asks for beside a prompt."""


def kinds(family: str) -> list[str]:
    """The kinds that a family can be asked for."""
    if "inpainting" in family:
        return ["inpaint", "outpaint", "grey mask"]
    return list(KINDS)


def request(family: str, kind: str = "text-to-image", **fields: Any) -> ImageRequest:
    """A picture in four steps with guidance."""
    asked = ImageRequest(
        family, "a red apple", "flat", SIDE, SIDE, 4, 5.0, 1, "euler", true_cfg_scale=3.0
    )
    return replace(asked, **(KINDS[kind] | fields))


@dataclass(frozen=True)
class AddOns:
    """What is added to a UNet's pictures, on disk."""

    lora: Path
    control: Path
    embedding: Path
    tiny_vae: Path
    t2i_adapter: Path
    ip_adapter: Path
    names: Mapping[str, Any] = field(default_factory=dict[str, Any])


def save_add_ons(family: str, model: Path, folder: Path) -> AddOns:
    """Writes one of each for a model of Stable Diffusion."""
    save_tiny_image_encoder(folder / "image_encoder")
    xl = family.startswith("sdxl")
    widths, form = ((32, 48), "sdxl") if xl else ((32,), "a1111")
    return AddOns(
        save_tiny_lora(folder / "lora.safetensors", model, convolutions=True),
        save_tiny_controlnet(folder / "control", model),
        save_tiny_embedding(folder / "learned.safetensors", form, widths=widths),
        save_tiny_vae(folder / "tiny_vae"),
        save_tiny_t2i_adapter(folder / "t2i"),
        save_tiny_ip_adapter(folder / "plus.safetensors", model, "plus"),
    )


def shelf_with(model: Any, add_ons: AddOns, dtype: torch.dtype) -> Shelf:
    """The model with its add-ons, loaded onto its device."""
    shelf = Shelf(model)
    device = model.device
    for kind, entry in (
        ("lora", lora_entry(add_ons.lora)),
        ("controlnet", controlnet_entry(add_ons.control)),
        ("controlnet", controlnet_entry(add_ons.t2i_adapter, "sketch")),
        ("ip-adapter", ip_adapter_entry(add_ons.ip_adapter)),
    ):
        shelf.add_ons[kind, entry.name] = load_add_on(kind, entry, device, dtype)
    model.prompts.add_embedding("learned", load_embedding(embedding_entry(add_ons.embedding)))
    return shelf


def with_all(family: str) -> ImageRequest:
    """A picture with a LoRA, ControlNets, a picture to be like and learned words."""
    return request(
        family,
        prompt="a (red:1.3) learned apple",
        loras=(Lora("tiny", 0.7),),
        controls=(
            Control("tiny", picture(3), 0.8, mask=mask(), control_mode="control"),
            Control("sketch", picture(4), 0.5),
        ),
        ip_adapters=(IPAdapter("tiny", (picture(5),), mask=mask()),),
    )


__all__ = ["KINDS", "SIDE", "TRANSFORMERS", "UNETS", "kinds", "load", "request", "save"]
