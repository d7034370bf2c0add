"""AUTOMATIC1111's "infotext": a picture's recipe as a text that the field's tools read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from jobs.prompts.tags import tag_of
from jobs.recipes.lacking import EDIT_PICTURES, FROM_A_PICTURE, REGIONS, Lack, lacking
from jobs.recipes.steered import OFF
from jobs.recipes.steered import read as read_steered
from jobs.recipes.steered import written as written_steered
from jobs.recipes.written import harmless, number, quoted, unquoted
from jobs.request.fields.parts import Control, IPAdapter, ReferenceOnly
from jobs.request.fields.regions import Region
from jobs.request.request import ResolvedRequest
from jobs.request.samplers import AUTOMATIC, SAMPLERS, SCHEDULES, canonical_schedule, split_sampler

PAIR = re.compile(r'\s*(\w[\w \-/+]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""One `Name: value`, as every reader of the format finds it, and `CFG++` beside."""

FEWEST_PAIRS = 3
"""A last line with fewer is a line of the prompt."""

NEGATIVE = "Negative prompt:"

AREAS = {"whole": "Whole picture", "masked": "Only masked"}
FILLS = {
    "fill": "fill",
    "original": "original",
    "noise": "latent noise",
    "nothing": "latent nothing",
}

BLEND, BLEND_PROMPT = "Prompt blend", "Prompt blended with"
"""Ours: a second prompt, and how far the first was moved towards it."""

DRAWN = "Drawn at"
"""Ours: the size that a picture was drawn at, where that is another than its own."""

DISTILLED = "Distilled CFG Scale"
"""Forge's name for the guidance that a model was distilled with."""

NUMBERS = {
    "Steps": "steps",
    "CFG scale": "guidance_scale",
    "CFG rescale": "guidance_rescale",
    "True CFG scale": "true_cfg_scale",
    "PAG scale": "pag_scale",
    "Class label": "class_label",
    "Image CFG scale": "image_guidance_scale",
    "Seed": "seed",
    "Clip skip": "clip_skip",
    "Variation seed": "variation_seed",
    "Variation seed strength": "variation_strength",
    BLEND: "blend",
}
"""Numbers that mean the same in a request."""

KNOWN = {*NUMBERS, "Sampler", "Size", "Model", "Model hash"}
"""What the settings of a recipe have some of: a line of anything else is a line of the prompt."""

HIRES = {"Hires upscale": "scale", "Hires steps": "steps", "Hires upscaler": "upscaler"}
HIRES_STRENGTH = "Denoising strength"
HIRES_PROMPTS = {"Hires prompt": "prompt", "Hires negative prompt": "negative_prompt"}

MODES = {
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
    "guess": "Guess",
}
"""A ControlNet's modes but the usual one, as its extension for AUTOMATIC1111 calls them."""

TOLD = {
    *("Version", "Note", "Template", "Negative Template", "User", "Created Date", "Date"),
    *("Hashes", "Lora hashes", "TI hashes", "VAE hash", "Model hash", "Size"),
}
"""Names that tell of a picture and change none."""


@dataclass(frozen=True)
class Maker:
    """What made a picture: this program's version and the sha256 of the model, if it is known."""

    version: str
    model_hash: str | None


class BadInfotext(ValueError):
    """The caller gets 422: the text is no recipe, or not all of one; it says what is missing."""


@dataclass(frozen=True)
class Parts:
    """What a text consists of; no settings where it does not end with any."""

    prompt: str
    negative_prompt: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """A recipe as it was read: fields of a request, not yet checked, and the model that made it."""

    fields: dict[str, Any]
    model: str | None
    model_hash: str | None
    lacks: tuple[Lack, ...] = ()
    """What else the picture was made of that its text does not hold."""
    unread: dict[str, str] = field(default_factory=dict[str, str])
    """What else was done to it that nothing here does, by the names that its text has for it."""


def write(request: ResolvedRequest, index: int, maker: Maker, note: str | None = None) -> str:
    """The recipe of picture `index` (from 0) of a request, and what is to be said of it."""
    asked, request = request, request.alone(index)
    # A pipeline that runs whole has a sampler of its own, which the field has no name for.
    own = request.sampler not in SAMPLERS
    fields: dict[str, object] = {
        "Steps": request.steps,
        "Sampler": None if own else SAMPLERS[request.sampler].title,
        "Schedule type": None if own else SCHEDULES[request.schedule].label,
        "CFG scale": request.guidance_scale,
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": maker.model_hash and maker.model_hash[:10],
        "Model": request.model,
        **_extras(request),
        **_template(asked),
        DRAWN: request.drawn and f"{request.drawn.width}x{request.drawn.height}",
        "Note": note,
        "Version": f"Darkroom {maker.version}",
    }
    lines = [harmless(prompt_with_loras(request))]
    if request.negative_prompt:
        lines.append(f"{NEGATIVE} {harmless(request.negative_prompt)}")
    known = {name: value for name, value in fields.items() if value is not None}
    lines.append(", ".join(f"{name}: {quoted(value)}" for name, value in known.items()))
    return "\n".join(lines)


def prompt_with_loras(request: ResolvedRequest) -> str:
    """The prompt with its LoRAs as tags again."""
    tags = (
        tag_of(each.name, each.weight, each.text_encoder_weight, {**each.block_weights})
        for each in request.loras
    )
    return " ".join([*filter(None, [request.prompt.strip()]), *tags])


def read(text: str) -> Recipe:
    """The recipe in a text. Raises BadInfotext.

    What means nothing here is `unread`. Where it starts from another picture, `lacks` says so.
    """
    parts = split(text)
    values = parts.settings
    if not values:
        raise BadInfotext("does not end with settings such as `Steps: 20, Sampler: DDIM, Seed: 1`")
    hires = _hires(values)
    shown = [
        name
        for name in values
        if name.startswith(FROM_A_PICTURE) and not (name == HIRES_STRENGTH and hires)
    ]
    fields: dict[str, Any] = {"prompt": parts.prompt, "negative_prompt": parts.negative_prompt}
    fields |= {ours: number(values[name]) for name, ours in NUMBERS.items() if name in values}
    if DISTILLED in values:
        # Of models that were distilled with guidance, whose usual scale is a second one beside it.
        usual = fields.get("guidance_scale")
        fields["true_cfg_scale"] = max(1.0, usual) if isinstance(usual, int | float) else 1.0
        fields["guidance_scale"] = number(values[DISTILLED])
    steered, known = read_steered(values)
    fields |= steered
    if REGIONS in values:
        fields["regions"] = _read_regions(values[REGIONS])
        if '"mask"' in values[REGIONS]:
            shown.append(REGIONS)
    if BLEND_PROMPT in values:
        fields["blend_prompt"] = values[BLEND_PROMPT]
    fields |= _size(values.get("Size"))
    if drawn := _size(values.get(DRAWN)):
        fields["drawn"] = drawn
    if "Sampler" in values:
        fields |= _sampler(values["Sampler"], values.get("Schedule type"))
    if hires:
        fields["hires"] = hires
    elif HIRES_STRENGTH in values:
        fields["strength"] = number(values[HIRES_STRENGTH])
    model, unread = (values.get("Model"), values.get("Model hash")), _unread(values, known)
    return Recipe(fields, *model, lacking({name: values[name] for name in shown}), unread)


def _unread(values: dict[str, str], known: set[str]) -> dict[str, str]:
    read_here = {
        *(*KNOWN, *TOLD, *HIRES, *HIRES_PROMPTS, HIRES_STRENGTH, "Schedule type"),
        *(REGIONS, BLEND_PROMPT, DRAWN, DISTILLED, *known),
    }
    return {
        name: value
        for name, value in values.items()
        if name not in read_here and not name.startswith(FROM_A_PICTURE) and value not in OFF
    }


def split(text: str) -> Parts:
    """A text's prompts and the settings in its last line, by their names there."""
    *lines, last = text.strip().split("\n")
    pairs = [(match[1].strip(), unquoted(match[2])) for match in PAIR.finditer(last)]
    if len(pairs) < FEWEST_PAIRS or not KNOWN & {name for name, _ in pairs}:
        lines, pairs = [*lines, last], []
    return Parts(*_prompts(lines), dict(pairs))


def _template(asked: ResolvedRequest) -> dict[str, object]:
    """What the prompts were picked from, by the names that Dynamic Prompts gives it."""
    if not asked.wordings:
        return {}
    return {"Template": asked.prompt, "Negative Template": asked.negative_prompt or None}


def _extras(request: ResolvedRequest) -> dict[str, object]:
    """What only some pictures have."""
    fields: dict[str, object] = {}
    if request.variation_seed is not None and request.variation_strength:
        fields["Variation seed"] = request.variation_seed
        fields["Variation seed strength"] = request.variation_strength
    if request.blend_prompt is not None and request.blend:
        fields[BLEND_PROMPT] = request.blend_prompt
        fields[BLEND] = request.blend
    if request.kind == "edit":
        fields[EDIT_PICTURES] = 1 + len(request.references)
    elif request.kind != "text-to-image":
        fields[HIRES_STRENGTH] = request.strength
    elif request.hires:
        fields[HIRES_STRENGTH] = request.hires.strength
    if request.clip_skip != 1:
        fields["Clip skip"] = request.clip_skip
    if request.vae is not None:
        fields["VAE"] = request.vae
    if request.class_label is not None:
        fields["Class label"] = request.class_label
    fields |= written_steered(request)
    if request.guidance_rescale:
        fields["CFG rescale"] = request.guidance_rescale
    if request.true_cfg_scale != 1:
        fields["True CFG scale"] = request.true_cfg_scale
    if request.image_guidance_scale is not None:
        fields["Image CFG scale"] = request.image_guidance_scale
    if request.kind == "inpaint":
        fields["Mask blur"] = request.mask_blur
        fields["Inpaint area"] = AREAS[request.inpaint_area]
        fields["Masked content"] = FILLS[request.fill]
        if request.inpaint_area == "masked":
            fields["Masked area padding"] = request.mask_padding
    if request.hires:
        fields["Hires upscale"] = request.hires.scale
        fields["Hires steps"] = request.hires.steps
        fields["Hires upscaler"] = _title(request.hires.upscaler)
        fields["Hires prompt"] = request.hires.prompt and harmless(request.hires.prompt)
        negative = request.hires.negative_prompt
        fields["Hires negative prompt"] = negative and harmless(negative)
    if request.kind == "inpaint" and request.mask_grey != "mix":
        fields["Mask grey"] = request.mask_grey
    if request.kind == "upscale":
        fields["Upscale"] = request.scale
        fields["Upscaler"] = request.upscaler and _title(request.upscaler)
    if request.regions:
        fields[REGIONS] = harmless(json.dumps([_region(each) for each in request.regions]))
    for index, control in enumerate(request.controls):
        fields[f"ControlNet {index}"] = _control(control)
    if request.reference_only:
        # As a unit of its own, as that extension has it.
        fields[f"ControlNet {len(request.controls)}"] = _reference(request.reference_only)
    for index, adapter in enumerate(request.ip_adapters):
        fields[f"IP-Adapter {index}"] = _ip_adapter(adapter)
    return fields


def _region(region: Region) -> dict[str, Any]:
    said = region.model_dump(exclude_none=True)
    return said | ({"mask": "a picture"} if region.mask else {})


def _read_regions(text: str) -> Any:
    """Regions as they were written; what is no JSON the field's own check refuses."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _control(control: Control) -> str:
    """One ControlNet as its extension for AUTOMATIC1111 writes it."""
    fields: dict[str, object] = {
        "Module": control.preprocessor,
        "Model": control.model,
        "Weight": f"{control.weight:g}",
        "Threshold A": None if control.threshold_a is None else f"{control.threshold_a:g}",
        "Threshold B": None if control.threshold_b is None else f"{control.threshold_b:g}",
        "Guidance Start": f"{control.start:g}",
        "Guidance End": f"{control.end:g}",
        "Control Mode": MODES.get(control.control_mode),
        "Union Control Type": control.control_type,
        "Mask": "its own" if control.mask is not None else None,
    }
    return ", ".join(f"{name}: {value}" for name, value in fields.items() if value is not None)


def _reference(reference: ReferenceOnly) -> str:
    return (
        f"Module: reference_only, Model: None, Weight: {reference.weight:g}, Threshold A: "
        f"{reference.style_fidelity:g}, Guidance Start: {reference.start:g}, Guidance End: "
        f"{reference.end:g}"
    )


def _ip_adapter(adapter: IPAdapter) -> str:
    """One IP-Adapter in the same way; how many pictures it was shown is ours."""
    return (
        f"Model: {adapter.model}, Weight: {adapter.weight:g}, "
        f"Guidance Start: {adapter.start:g}, Guidance End: {adapter.end:g}, "
        f"Pictures: {len(adapter.images)}"
    )


def _hires(values: dict[str, str]) -> dict[str, Any] | None:
    if "Hires upscale" not in values:
        return None
    hires = {ours: number(values[name]) for name, ours in HIRES.items() if name in values}
    if "upscaler" in hires:
        hires["upscaler"] = _upscaler(values["Hires upscaler"])
    if hires.get("steps") == 0:
        del hires["steps"]  # as many as the first pass
    hires |= {ours: values[name] for name, ours in HIRES_PROMPTS.items() if name in values}
    if HIRES_STRENGTH in values:
        hires["strength"] = number(values[HIRES_STRENGTH])
    return hires


def _title(upscaler: str) -> str:
    return upscaler.capitalize() if upscaler in ("latent", "lanczos", "nearest") else upscaler


def _upscaler(title: str) -> str:
    """AUTOMATIC1111 has several `Latent (...)`, which differ in how they interpolate."""
    name = title.lower()
    if name.startswith("latent"):
        return "latent"
    return name if name in ("lanczos", "nearest") else title


def _prompts(lines: list[str]) -> tuple[str, str]:
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if line.strip().startswith(NEGATIVE):
            target = negative
            line = line.strip().removeprefix(NEGATIVE)
        target.append(line.strip())
    return "\n".join(prompt), "\n".join(negative)


def _size(text: str | None) -> dict[str, Any]:
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text or "")
    return {"width": int(match[1]), "height": int(match[2])} if match else {}


def _sampler(title: str, schedule: str | None) -> dict[str, Any]:
    """Our sampler and schedule. Old texts have the schedule in the sampler: `DPM++ 2M Karras`.

    What is unknown goes on as it is, for the request's own check to say what there is.
    """
    sampler, named = split_sampler(title) or (title, None)
    label = (schedule or AUTOMATIC).strip()
    known = canonical_schedule(label)
    if named and known == AUTOMATIC:
        known = named
    return {"sampler": sampler, "schedule": known or label}
