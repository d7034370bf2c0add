"""Tiny models of each family with all that can be added to them, and what they start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.engine.studio import Order, Pixels, Studio
from jobs.request.model_card import Kind
from tests.features.options import LATER, LEARNED, PROMPT, TWIN, WITH_CONTROLS, WITH_LORAS
from tests.tiny.parts import (
    controlnet_entry,
    embedding_entry,
    lora_entry,
    save_tiny_controlnet,
    save_tiny_embedding,
    save_tiny_lora,
    save_transformer_lora,
)
from tests.tiny.pipelines.controlnets import save_tiny_control
from tests.tiny.references import (
    Form,
    ip_adapter_entry,
    save_tiny_image_encoder,
    save_tiny_ip_adapter,
)
from tests.tiny.steering import save_tiny_t2i_adapter
from worker.engine import UNetModel
from worker.models.loading.add_ons.add_ons import load_add_on, load_embedding
from worker.models.tables import ModelEntry

SIDE = 24
"""Of the pictures that tiny models start from, in pixels."""

EDGE = 4
"""Pixels that the softened edge of a mask reaches at most."""

KINDS: Mapping[Kind, dict[str, Any]] = {
    "text-to-image": {},
    "image-to-image": {"strength": 0.7},
    "inpaint": {"strength": 0.9, "mask_blur": 1, "inpaint_area": "whole"},
    "outpaint": {"expand": {"right": 8}, "mask_blur": 1, "fill": "fill"},
    "upscale": {"scale": 2.0, "strength": 0.5},
    "variations": {},
}
"""A request of each kind; what else it needs follows from the model."""

CONTROLLED_AS = {"sd1-inpainting": "sd1", "lcm": "sd1", "sdxl-inpainting": "sdxl"}
"""Families whose ControlNets are those of another: they read latents alone, and no guidance."""

FORMS: tuple[Form, ...] = ("base", "plus")
"""Of the IP-Adapters."""

WITHOUT_CLIP = ("sdxl-refiner", "kolors")
"""Families whose LoRAs change no first CLIP."""

COARSE = {"qwen-image-21": 32}
"""Families whose pictures are multiples of more pixels than most."""

CPU = torch.device("cpu")


class FamilyStudio:
    """The tiny model of one family, and requests of every kind to it."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.kinds = [kind for kind in studio.card.kinds if kind in KINDS]

    def order(self, kind: Kind, **fields: Any) -> Order:
        """A request of a kind, changed by `fields`."""
        pictures: dict[str, Image.Image] = {}
        if kind != "text-to-image":
            pictures["/image"] = photograph()
        if kind == "inpaint":
            pictures["/mask"] = right_half()
        for number, control in enumerate(fields.get("controls", [])):
            pictures[control["image"]] = photograph(seed=number + 1)
            if "mask" in control:
                pictures[control["mask"]] = right_half()
        for adapter in fields.get("ip_adapters", []):
            for number, image in enumerate(adapter["images"]):
                pictures[image] = photograph(seed=number + 11)
            if "mask" in adapter:
                pictures[adapter["mask"]] = right_half()
        if like := fields.get("reference_only"):
            pictures[like["image"]] = photograph(seed=21)
        usual = {"kind": kind, "prompt": PROMPT, "steps": 4, "seed": 5}
        return self.studio.order(pictures, **(usual | KINDS[kind] | fields))

    def alone(self, order: Order) -> Pixels:
        """The picture of one order that has an engine to itself."""
        return self.studio.develop({"alone": order})["alone"]

    @cached_property
    def others(self) -> dict[str, Order]:
        """One order of every kind that the family does."""
        return {kind: self.order(kind) for kind in self.kinds}


def open_family(family: str, folder: Callable[[str], Path]) -> FamilyStudio:
    """Loads the family's tiny model with two LoRAs, two ControlNets and an embedding, or as many of
    these as it takes."""
    home = folder(family)
    entry = ModelEntry(name=family, base=home.parent, source=home.name)
    if family in LATER:
        # Some do not say what they were trained at, and are taken for large ones.
        side = COARSE.get(family, 16)
        entry = entry.model_copy(update={"width": side, "height": side})
    studio = Studio(entry)
    add = home / "add-ons"
    for seed, name in enumerate(("first", "second") if _takes(family, WITH_LORAS) else ()):
        file = add / f"{name}.safetensors"
        if (home / "unet").is_dir():
            save_tiny_lora(file, home, seed=seed, text=family not in WITHOUT_CLIP)
        else:
            save_transformer_lora(file, studio.models[family].denoiser[0], seed)
        lora = load_add_on("lora", lora_entry(file, name), CPU, torch.float32)
        studio.offer("lora", name, lora)
    for seed, name in enumerate(("edges", "depth") if _takes(family, WITH_CONTROLS) else ()):
        if family in LATER:
            saved = save_tiny_control(family, add / name, seed)
        else:
            model = folder(CONTROLLED_AS.get(family, family))
            saved = save_tiny_controlnet(add / name, model, seed)
        net = controlnet_entry(saved, name)
        studio.offer("controlnet", name, load_add_on("controlnet", net, CPU, torch.float32))
    if family in LATER:
        return FamilyStudio(studio)
    sketch = controlnet_entry(save_tiny_t2i_adapter(add / "sketch"), "sketch")
    studio.offer("controlnet", "sketch", load_add_on("controlnet", sketch, CPU, torch.float32))
    save_tiny_image_encoder(add / "image_encoder")
    for form in FORMS:
        file = save_tiny_ip_adapter(add / f"{form}.safetensors", home, form)
        adapter = load_add_on("ip-adapter", ip_adapter_entry(file, form), CPU, torch.float32)
        studio.offer("ip-adapter", form, adapter)
    model = studio.models[family]
    assert isinstance(model, UNetModel)
    widths = tuple(each.model.config.hidden_size for each in model.text_encoders)
    file = save_tiny_embedding(
        add / "word.safetensors", "sdxl" if len(widths) > 1 else "a1111", widths=widths
    )
    vectors = load_embedding(embedding_entry(file))
    assert model.prompts is not None
    for name in (LEARNED, TWIN):
        model.prompts.add_embedding(name, vectors)
    return FamilyStudio(studio)


def _takes(family: str, those: tuple[str, ...]) -> bool:
    return family not in LATER or family in those


def photograph(side: int = SIDE, seed: int = 0) -> Image.Image:
    """A smooth picture of many colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def right_half(side: int = SIDE) -> Image.Image:
    """A mask that is white on the right."""
    mask = Image.new("L", (side, side))
    mask.paste(255, (side // 2, 0, side, side))
    return mask


def left_part_kept(picture: Pixels) -> bool:
    """Whether the left of an inpainted picture is the original's, to the bit."""
    half = slice(0, SIDE // 2 - EDGE)
    return np.array_equal(picture[:, half], np.asarray(photograph())[:, half])
