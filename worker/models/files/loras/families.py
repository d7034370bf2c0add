"""Which models a LoRA is for, and whether it can be used at all, before a weight is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from worker.models.files.errors import SourceError
from worker.models.files.loras.names import named
from worker.models.files.safetensors_file import Shapes

FOREIGN: tuple[tuple[str, str], ...] = (
    (r"double_blocks|single_blocks|single_transformer_blocks", "Flux"),
    (r"joint_blocks|add_q_proj|context_block", "Stable Diffusion 3"),
    (r"lora_prior_unet|lora_unet_.*channelwise|clip_txt_mapper", "Stable Cascade"),
    (r"img_mod|txt_mod|img_mlp", "Qwen-Image"),
    (r"(lora_unet_|diffusion_model\.)blocks[._]\d+[._](cross|self)_attn", "Wan"),
    (r"motion_modules", "AnimateDiff"),
    (r"adaLN_modulation|feed_forward[._]w\d", "Lumina or Z-Image"),
    (r"^(transformer\.|lora_transformer_)|transformer_blocks[._]\d+[._]attn[._]", "a transformer"),
)
"""How the LoRAs of other families name what they change."""

OTHER: tuple[tuple[str, str], ...] = (
    (r"\.a1\.weight$|\.b1\.weight$|\.(a|b)[12]\b", "GLoRA"),
    (r"\.on_input$", "IA3"),
    (r"\.oft_R\.weight$|oft_diag", "an OFT that is written in another way than LyCORIS'"),
    (r"lora_[AB]\.bias$|lora_(up|down)\.bias$", "a LoRA with biases"),
    (r"\.(lora_vera|vera_lambda|randbasis_)", "VeRA"),
)
"""Relatives that nobody here reads."""

WIDTHS: tuple[tuple[str, int], ...] = (
    (r"sdxl|stable-diffusion-xl|pony|illustrious|noob", 2048),
    (r"sd_v2|sd_2|stable-diffusion-v2|sd2", 1024),
    (r"sd_v1|sd_1|stable-diffusion-v1|sd1", 768),
)
"""How wide the text is of the model that a LoRA says it was trained on."""

CROSS = re.compile(r"attn2_to_[kv]$")


def lora_text_width(where: str, shapes: Shapes, base: str = "") -> int | None:
    """How wide the text is that the LoRA's model reads: by the layers that read it, else by the
    `base` model that the file names. None where neither says.

    Raises SourceError for a file that is no LoRA for a Stable Diffusion model.
    """
    _refuse(where, shapes, base)
    widths: dict[str, dict[str, tuple[int, ...]]] = {}
    known = False
    for name, shape in shapes.items():
        found = named(name)
        known = known or found is not None
        if found is not None and found.part == "unet" and CROSS.search(found.layer):
            widths.setdefault(found.layer, {})[found.tensor] = shape
    if not known and not any("lora" in name for name in shapes):
        _no_lora(where, shapes)
    if not known and not any(name.split(".")[0].startswith(OLD) for name in shapes):
        _no_lora(where, shapes)
    old = (shape[1] for name, shape in shapes.items() if OLD_CROSS.search(name))
    reads = next(chain(filter(None, map(_reads, widths.values())), old), None)
    if reads is None:
        reads = next((w for pattern, w in WIDTHS if re.search(pattern, base.lower())), None)
    return reads


OLD = ("lora_unet_", "lora_te", "unet", "text_encoder")
OLD_CROSS = re.compile(r"attn2.*to_[kv]_lora\.down")
"""diffusers' names of its early days."""


def _reads(tensors: dict[str, tuple[int, ...]]) -> int | None:
    """How wide a layer's inputs are, by any of its tensors that tell."""
    for tensor in ("down", "hada_w1_b", "diff"):
        if tensor in tensors and len(tensors[tensor]) > 1:
            return tensors[tensor][1]
    first, second = (
        tensors.get(f"lokr_{each}") or tensors.get(f"lokr_{each}_b") for each in ("w1", "w2")
    )
    return first[1] * second[1] if first and second else None


def _refuse(where: str, shapes: Shapes, base: str) -> None:
    for pattern, kind in OTHER:
        if _any(shapes, pattern):
            raise SourceError(f"{where}: it is {kind}, which is not read here.")
    for pattern, family in FOREIGN:
        if _any(shapes, pattern):
            says = f", and says so: {base}" if base else ""
            raise SourceError(
                f"{where}: it is a LoRA for {family}{says}; LoRAs are added to Stable Diffusion"
                " 1, 2 and XL."
            )


def _no_lora(where: str, shapes: Shapes) -> None:
    names = ", ".join(sorted(shapes)[:3]) or "nothing"
    raise SourceError(f"{where}: it is no LoRA for a Stable Diffusion model; it holds {names}.")


def _any(names: Iterable[str], pattern: str) -> bool:
    found = re.compile(pattern)
    return any(found.search(name) for name in names)
