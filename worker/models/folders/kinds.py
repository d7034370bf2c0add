"""Which kind of thing a .safetensors file is, by the names and shapes in its header. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from worker.models.files.errors import SourceError
from worker.models.files.face_restorers import restores_faces
from worker.models.files.formats.layout import read_json
from worker.models.files.formats.safetensors_file import Shapes
from worker.models.files.references.adapters import is_adapter
from worker.models.files.segmenters import is_segmenter
from worker.models.files.single_files.pieces import transformer_in
from worker.models.files.steering.t2i_adapters import is_t2i_adapter

Section = Literal[
    "models",
    "loras",
    "embeddings",
    "controlnets",
    "ip_adapters",
    "vaes",
    "segmenters",
    "upscalers",
    "face_restorers",
]

PARTS: dict[str, Section] = {
    "ControlNetModel": "controlnets",
    "SD3ControlNetModel": "controlnets",
    "FluxControlNetModel": "controlnets",
    "QwenImageControlNetModel": "controlnets",
    "ControlNetUnionModel": "controlnets",
    "T2IAdapter": "controlnets",
    "AutoencoderKL": "vaes",
}
"""Folders that hold one part of a model, by the `_class_name` of their configuration."""

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT = ("cond_stage_model.", "conditioner.embedders.")

LORA = re.compile(
    r"lora_(down|up|mid|A|B|magnitude_vector)\b|[._]lora\d?\.(down|up)\b|\.(hada|lokr)_w|dora_scale"
    r"|^lora_|^lycoris_|\.oft_(blocks|diag|R)\b|\.(w|b)_norm$"
)
"""How a LoRA, or one of its relatives, names a tensor."""

CONTROLNET = (
    "control_model.",
    "input_hint_block.",
    "controlnet_cond_embedding.",
    "controlnet_down_blocks.",
    "controlnet_blocks.",
    "controlnet_x_embedder.",
)

UPSCALER_FOLDERS = {
    "upscalers",
    "upscale_models",
    "esrgan",
    "realesrgan",
    "swinir",
    "scunet",
    "dat",
}
"""Folders of A1111 and ComfyUI whose files enlarge pictures. spandrel knows dozens of networks,
so what is in there is one of them, or is refused when it is loaded."""

ENLARGING = re.compile(
    r"^(params_ema\.|params\.)?(conv_first\.|model\.0\.weight|body\.0\.(weight|rdb)|layers\.0\.resid)"
)
"""How the networks that enlarge pictures begin: (Real-)ESRGAN in both layouts, compact ones,
SwinIR."""

FOREIGN: tuple[tuple[str, str], ...] = (
    (r"double_blocks\.\d+\.img_attn", "a Flux transformer"),
    (r"joint_blocks\.\d+\.", "a transformer of Stable Diffusion 3"),
    (r"motion_modules?\.", "a motion module for AnimateDiff"),
    (r"ip_adapter\.|^image_proj\.|ip_adapter", "an IP-Adapter"),
    (r"clip_txt_mapper|\.channelwise\.", "a part of Stable Cascade"),
    (r"^(model\.diffusion_model\.)?(layers|blocks|transformer_blocks)\.\d+\.", "a transformer"),
    (r"^(text_model\.|transformer\.text_model\.|encoder\.block\.)", "a text encoder alone"),
    (r"^(encoder|decoder)\.layers\.\d+\.|^taesd_", "a tiny autoencoder; `tiny_vae` names one"),
    (r"^(down_blocks|input_blocks)\.", "a UNet alone"),
)
"""What other files people have, which is not offered by itself."""


def kind_of(shapes: Shapes, folder: str = "") -> Section:
    """What a file is, by its header; `folder` is the name of the folder that it lies in.

    Raises SourceError, a clause such as "a Flux transformer", for what is nothing that is offered.
    """
    if _any(shapes, lambda name: name.startswith(CONTROLNET)):
        return "controlnets"
    if is_t2i_adapter(shapes):
        return "controlnets"
    if is_adapter(shapes):
        return "ip_adapters"
    if transformer_in(shapes) is not None:
        return "models"
    if _any(shapes, lambda name: name.startswith(UNET)):
        return _whole_model(shapes)
    if _any(shapes, LORA.search):
        return "loras"
    if restores_faces(shapes):
        return "face_restorers"
    if _is_vae(shapes):
        return "vaes"
    if folder.lower() in UPSCALER_FOLDERS or _any(shapes, ENLARGING.match):
        return "upscalers"
    for pattern, what in FOREIGN:
        if _any(shapes, re.compile(pattern).search):
            raise SourceError(what)
    if _is_embedding(shapes):
        return "embeddings"
    raise SourceError(f"unknown: it holds {', '.join(sorted(shapes)[:3]) or 'nothing'}")


def _whole_model(shapes: Shapes) -> Section:
    for pattern, what in FOREIGN[:2]:
        if _any(shapes, re.compile(pattern).search):
            raise SourceError(what)
    if _any(shapes, lambda name: name.startswith(TEXT)):
        return "models"
    raise SourceError("a UNet alone: its text encoders are missing")


def _is_vae(shapes: Shapes) -> bool:
    bare = {name.removeprefix(VAE) for name in shapes}
    return {"encoder.conv_in.weight", "decoder.conv_in.weight"} <= bare


def _is_embedding(shapes: Shapes) -> bool:
    if {"clip_l", "clip_g"} <= set(shapes) or "emb_params" in shapes:
        return True
    return len(shapes) == 1 and all(len(shape) in (1, 2) for shape in shapes.values())


def _any(names: Iterable[str], test: Callable[[str], object]) -> bool:
    return any(test(name) for name in names)


def kind_of_folder(path: Path) -> Section:
    """Which kind of thing a folder in the layout of diffusers or transformers is. Raises
    SourceError, which says what else it is."""
    if (path / "model_index.json").is_file():
        return "models"
    if is_segmenter(path):
        return "segmenters"
    kind = str(read_json(path / "config.json").get("_class_name"))
    if kind not in PARTS:
        raise SourceError(f"a {kind}")
    return PARTS[kind]
