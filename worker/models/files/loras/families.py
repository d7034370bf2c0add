"""Which models a LoRA is for, and whether it can be used at all, before a weight is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes
from worker.models.files.loras.names import named
from worker.models.files.loras.originals import layers_of

UNET = re.compile(r"(down|up|input|output)_blocks|mid_block|middle_block|^unet\.")
"""What a transformer has none of; kohya's trainers say `lora_unet_` of everything."""

FOREIGN: tuple[tuple[str, str], ...] = (
    (r"lora_prior_unet|lora_unet_.*channelwise|clip_txt_mapper", "Stable Cascade"),
    (r"(lora_unet_|diffusion_model\.)blocks[._]\d+[._](cross|self)_attn", "Wan"),
    (r"motion_modules", "AnimateDiff"),
    (r"to_qkv_mlp_proj|double_stream_modulation", "Flux.2"),
    (r"distilled_guidance_layer", "Chroma"),
)
"""How LoRAs that are not read here name what they change."""

JOINT = "sd3", "flux", "qwen-image"
REFINING = "z-image", "lumina2"

TRANSFORMERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(double|single)_blocks[._]\d|single_transformer_blocks", ("flux",)),
    (r"joint_blocks[._]\d", ("sd3",)),
    (r"transformer_blocks[._]\d+[._](img|txt)_(mod|mlp)", ("qwen-image",)),
    (r"transformer_blocks[._]\d+[._](attn1[._]|ff[._]conv)", ("sana", "pixart-sigma")),
    (r"transformer_blocks[._]\d+[._](attn|ff|norm)", JOINT),
    (r"layers[._]\d+[._]attention[._]to_", ("z-image",)),
    (r"layers[._]\d+[._](attn[._]to_|feed_forward[._]linear|norm1[._])", ("lumina2",)),
    (r"layers[._]\d+[._](attention|feed_forward|adaLN_modulation)[._]", REFINING),
    (r"^(transformer\.|lora_transformer_)", ()),
)
"""The families whose transformers have layers of such names. What fits several is told by what else
there is of it: how many blocks, and how wide they are."""

BASES: tuple[tuple[str, str], ...] = (
    (r"flux", "flux"),
    (r"stable-diffusion-3|sd_?3", "sd3"),
    (r"qwen", "qwen-image"),
    (r"z_?-?image", "z-image"),
    (r"lumina", "lumina2"),
    (r"sana", "sana"),
    (r"pixart", "pixart-sigma"),
)
"""How a LoRA's metadata name the model that it was trained on."""

BLOCKS = {"flux": 19, "sd3": 38, "qwen-image": 60}
"""The most blocks of text and picture together that a model of the family has."""

READS = re.compile(r"(to_[qkv]|qkv|add_[qkv]_proj|linear1|proj_mlp|img_mlp_net_0_proj)$")
"""Layers that read what a transformer carries from block to block."""

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


@dataclass(frozen=True)
class LoraFor:
    """What a model must have for a LoRA. For a UNet: how wide the text is that it reads; for a
    transformer: one of `families`, and how wide it is. None where the LoRA does not say."""

    text: int | None = None
    families: tuple[str, ...] = ()
    wide: int | None = None


def lora_for(where: str, shapes: Shapes, base: str = "") -> LoraFor:
    """Which models a LoRA is for, by its layers, else by the `base` model that the file names.

    Raises SourceError for a file that is no LoRA for a model that is run here.
    """
    _refuse(where, shapes)
    if (families := _families(shapes, base)) is not None:
        if not families:
            names = ", ".join(sorted(shapes)[:3])
            says = f", and says so: {base}" if base else ""
            raise SourceError(
                f"{where}: it is a LoRA for a transformer of no family that is known here{says};"
                f" it holds {names}."
            )
        _check_fused(where, families, shapes)
        return LoraFor(families=families, wide=_width(shapes))
    return LoraFor(_text_width(where, shapes, base))


def _families(shapes: Shapes, base: str) -> tuple[str, ...] | None:
    """The families of transformers that a LoRA can be for; None for one for a UNet, or for text
    encoders alone."""
    if _any(shapes, UNET.pattern):
        return None
    fitting = next((each for pattern, each in TRANSFORMERS if _any(shapes, pattern)), None)
    if fitting is None or len(fitting) < 2:
        return fitting
    if fitting == JOINT:
        blocks = 1 + max(int(n) for n in _numbers(shapes, r"transformer_blocks[._](\d+)[._]"))
        fitting = tuple(each for each in fitting if blocks <= BLOCKS[each])
    elif fitting == REFINING and (told := _refining(shapes)):
        fitting = (told,)
    for pattern, family in BASES:
        if family in fitting and re.search(pattern, base.lower()):
            return (family,)
    return fitting


def _refining(shapes: Shapes) -> str | None:
    """Z-Image or Lumina 2, whose inventors named most of their layers alike."""
    if _any(shapes, r"adaLN_modulation[._]0"):
        return "z-image"
    if _any(shapes, r"adaLN_modulation[._]1"):
        return "lumina2"
    layers = _layers(shapes)
    for path, tensors in layers.items():
        if path.endswith("attention_qkv") and {"up", "down"} <= tensors.keys():
            # Lumina 2 has fewer heads for keys and values.
            return "z-image" if tensors["up"][0] == 3 * tensors["down"][1] else "lumina2"
    return None


def _width(shapes: Shapes) -> int | None:
    for path, tensors in _layers(shapes).items():
        if READS.search(path) and (reads := _reads(tensors)):
            return reads
    return None


def _check_fused(where: str, families: tuple[str, ...], shapes: Shapes) -> None:
    """Raises SourceError for a relative that cannot be divided among the layers it changes."""
    for path, tensors in _layers(shapes).items():
        whole = any(tensor.startswith(("lokr_", "oft_")) for tensor in tensors)
        if whole and any(len(layers_of(each, path, 12, 2)) > 1 for each in families):
            raise SourceError(
                f"{where}: it changes {path} as LoKr or OFT, which is several layers here and"
                " cannot be divided among them; one that was trained on diffusers' model can be"
                " used."
            )


def _layers(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """The tensors of each layer of a transformer."""
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        found = named(name)
        if found is not None and found.part == "unet":
            layers.setdefault(found.layer, {})[found.tensor] = shape
    return layers


def _numbers(names: Iterable[str], pattern: str) -> list[str]:
    return [found[1] for name in names if (found := re.search(pattern, name))]


def _text_width(where: str, shapes: Shapes, base: str) -> int | None:
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


def _refuse(where: str, shapes: Shapes) -> None:
    for pattern, kind in OTHER:
        if _any(shapes, pattern):
            raise SourceError(f"{where}: it is {kind}, which is not read here.")
    for pattern, family in FOREIGN:
        if _any(shapes, pattern):
            raise SourceError(f"{where}: it is a LoRA for {family}, which is not read here.")
    for path, tensors in _layers(shapes).items():
        fused = path.endswith("_linear1") and {"up", "down"} <= tensors.keys()
        # Flux: queries, keys, values, and four times as much for what follows.
        if fused and tensors["up"][0] != 7 * tensors["down"][1]:
            raise SourceError(f"{where}: it is a LoRA for Flux.2 or a relative, not read here.")
    for path, tensors in _layers(shapes).items():
        fused = path.endswith("_linear1") and {"up", "down"} <= tensors.keys()
        # Flux: queries, keys, values, and four times as much for what follows.
        if fused and tensors["up"][0] != 7 * tensors["down"][1]:
            raise SourceError(f"{where}: it is a LoRA for Flux.2 or a relative, not read here.")


def _no_lora(where: str, shapes: Shapes) -> None:
    names = ", ".join(sorted(shapes)[:3]) or "nothing"
    raise SourceError(f"{where}: it is no LoRA that is known here; it holds {names}.")


def _any(names: Iterable[str], pattern: str) -> bool:
    found = re.compile(pattern)
    return any(found.search(name) for name in names)
