"""From AUTOMATIC1111's fields to a request of ours, and from our fields' names back to theirs."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from jobs.prompts.styles import StyleFile
from jobs.request.fields.masks import MaskGrey
from jobs.request.fields.values import LIMITS, SEEDS, Fill, Resize
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.request.samplers import AUTOMATIC, canonical_schedule, nearest, split_sampler
from jobs.settings import settings
from server.compat.a1111.base64 import decode_base64
from server.compat.a1111.control_maps import Tuned
from server.compat.a1111.errors import invalid
from server.compat.a1111.face_restorers import restoring
from server.compat.a1111.generation.hires import hires_of
from server.compat.a1111.generation.payload import STRENGTH, ImageToImage, Payload, TextToImage
from server.compat.a1111.generation.scripts import SD_UPSCALE, Scripts, SdUpscale, sd_upscale_of
from server.compat.a1111.generation.units import controls_of
from server.compat.a1111.upscaling import LANCZOS, NEAREST, NO_UPSCALER, upscaler_named
from server.compat.unread import not_read
from server.errors import ApiError
from server.requests.validation import field_errors

IMAGE = "/image"
MASK = "/mask"

SENT = "sent"
"""Stands in a field whose picture is passed beside the request."""

RESIZES: tuple[Resize, ...] = ("stretch", "crop", "pad", "stretch")
"""By resize_mode. The last enlarges in latent space, to the same shape as the first."""

FILLS: tuple[Fill, ...] = ("fill", "original", "noise", "nothing")
"""By inpainting_fill."""

MASK_BLUR = 4

UNITS = "alwayson_scripts/ControlNet/args"

NAMES = {
    "guidance_scale": "cfg_scale",
    "image_guidance_scale": "image_cfg_scale",
    "references": "init_images",
    "count": "batch_size",
    "sampler": "sampler_name",
    "schedule": "scheduler",
    "strength": "denoising_strength",
    "variation_seed": "subseed",
    "variation_strength": "subseed_strength",
    "model": "override_settings/sd_model_checkpoint",
    "kind": "override_settings/sd_model_checkpoint",
    "clip_skip": "override_settings/CLIP_stop_at_last_layers",
    "vae": "override_settings/sd_vae",
    "loras": "prompt",
    "image": "init_images/0",
    "resize": "resize_mode",
    "fill": "inpainting_fill",
    "mask_invert": "inpainting_mask_invert",
    "inpaint_area": "inpaint_full_res",
    "mask_padding": "inpaint_full_res_padding",
    "hires/scale": "hr_scale",
    "hires/steps": "hr_second_pass_steps",
    "hires/strength": "denoising_strength",
    "hires/upscaler": "hr_upscaler",
    "hires/prompt": "hr_prompt",
    "hires/negative_prompt": "hr_negative_prompt",
    "hires": "enable_hr",
    "controls": UNITS,
    "ip_adapters": UNITS,
    "reference_only": UNITS,
    "restore_faces/model": "override_settings/face_restoration_model",
}
"""AUTOMATIC1111's name of each field of ours that has another; the longest match counts."""


@dataclass(frozen=True)
class Asked:
    """A request, the bytes of each of its pictures by the JSON pointer of its field, what of the
    payload is done otherwise, and the modules whose maps are to be shown, by those pointers."""

    request: GenerationRequest
    parts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    notes: tuple[Note, ...] = ()
    maps: dict[str, Tuned] = field(default_factory=dict[str, Tuned])


def asked(
    payload: Payload, card: ModelCard, clip_skip: int | None, vae: str | None, scripts: Scripts
) -> Asked:
    """The request that a payload means for a model. Raises InvalidRequest and ApiError.

    What is left out follows the model, not AUTOMATIC1111: its 512x512 in 50 steps at a scale of 7
    are made for one family of models and make rubbish with another, such as the one that ships.
    """
    notes = [*_left_out(payload, card), *scripts.notes]
    sampler, schedule = _sampler(payload, card, notes)
    fields: dict[str, Any] = {
        "model": card.name,
        "prompt": payload.prompt or "",
        "negative_prompt": payload.negative_prompt or "",
        "seed": _seed(payload.seed),
        "count": _count(payload),
        "sampler": sampler,
        "schedule": schedule,
        "steps": payload.steps,
        **payload.guidance(distilled=card.distilled_guidance),
        "vae": vae,
        "tiling": "both" if payload.tiling and card.unet else "none",
        "styles": _styles(payload, notes),
        "dynamic_thresholding": scripts.dynamic_thresholding,
        **_on_unets(scripts, card, notes),
        "restore_faces": restoring(
            payload.setting_face_restorer, "restore_faces", card.face_restorers, notes
        )
        if payload.restore_faces
        else None,
        **_variation(payload),
    }
    if clip_skip is not None:
        fields["clip_skip"] = clip_skip
    parts: dict[str, bytes] = {}
    if isinstance(payload, TextToImage):
        if sd_upscale_of(payload.script_name, None):
            raise invalid("script_name", f"{SD_UPSCALE} starts from a picture; img2img takes it")
        fields |= _text_to_image(payload, card, notes)
    elif isinstance(payload, ImageToImage):
        more, parts = _image_to_image(payload, card, scripts, notes)
        fields |= more
        if upscale := sd_upscale_of(payload.script_name, payload.script_args):
            fields = _sd_upscale(fields, upscale, card, notes)
    controls = controls_of(payload.alwayson_scripts, parts.get(IMAGE))
    if controls.resize:
        # The picture that a job starts from and those of its ControlNets go one way to its size.
        fields.setdefault("resize", controls.resize)
    try:
        request = GenerationRequest(
            **fields,
            controls=controls.controls,
            ip_adapters=controls.ip_adapters,
            reference_only=controls.reference_only,
        )
    except ValidationError as error:
        raise renamed(InvalidRequest(field_errors(error))) from None
    return Asked(request, parts | controls.parts, (*notes, *controls.notes), controls.maps)


def renamed(error: InvalidRequest) -> InvalidRequest:
    """The same errors by the names that the client sent the fields by."""
    return InvalidRequest(
        [FieldError(pointer=_renamed(each.pointer), detail=each.detail) for each in error.errors]
    )


def sentences(notes: Iterable[Note]) -> list[str]:
    """Notes as a client of this API reads them, by its own names of the fields."""
    return [f"{_renamed(note.pointer)[1:]}: {note.detail}" for note in notes]


def _renamed(pointer: str) -> str:
    name = pointer[1:]
    for ours, theirs in sorted(NAMES.items(), key=lambda item: -len(item[0])):
        if name == ours or name.startswith(f"{ours}/"):
            # Where in a prompt or a setting it is has no place in theirs.
            rest = name[len(ours) :] if theirs == UNITS else ""
            return f"/{theirs}{rest}"
    return pointer


def _seed(seed: int | None) -> int | None:
    """None draws one, as -1 does in AUTOMATIC1111."""
    return None if seed is None or seed < 0 else seed


def _count(payload: Payload) -> int:
    count = (payload.batch_size or 1) * (payload.n_iter or 1)
    if count > LIMITS.max_count:
        detail = f"times n_iter must be at most {LIMITS.max_count} pictures; it is {count}"
        raise invalid("batch_size", detail)
    return count


def _left_out(payload: Payload, card: ModelCard) -> list[Note]:
    """What programs send by their defaults and is not done here."""
    notes: list[Note] = []
    if payload.tiling and not card.unet:
        detail = f"{card.name} makes no pictures whose edges meet; this one is as any other"
        notes.append(Note(pointer="/tiling", detail=detail))
    notes += not_read(*(name[:60] for name in payload.unread))
    if payload.refiner_checkpoint not in (None, "None"):
        detail = "one model makes a picture here; it was made without a refiner"
        notes.append(Note(pointer="/refiner_checkpoint", detail=detail))
    return notes


def _on_unets(scripts: Scripts, card: ModelCard, notes: list[Note]) -> dict[str, Any]:
    """What acts within a U-Net, which Forge passes over where there is none."""
    if not scripts.on_unets or card.unet:
        return scripts.on_unets
    detail = f"{card.name} has no U-Net for FreeU or PerturbedAttentionGuidance to act on"
    notes.append(Note(pointer="/alwayson_scripts", detail=detail))
    return {}


def _styles(payload: Payload, notes: list[Note]) -> list[str]:
    """The styles that there are: programs send the names of others from a server before."""
    names = [name for name in payload.styles or () if name not in ("", "None")]
    known = StyleFile(settings().styles_file).all() if names else {}
    for name in names:
        if name not in known:
            detail = f"no style is named {name[:60]!r}; the picture was made without it"
            notes.append(Note(pointer="/styles", detail=detail))
    return [name for name in names if name in known]


def _sampler(payload: Payload, card: ModelCard, notes: list[Note]) -> tuple[str | None, str]:
    """Sampler and schedule; None is the model's own. Raises a 404 that some clients look for.

    Clients send one sampler to every model: one that this model does not take is its own, noted.
    """
    schedule = AUTOMATIC
    if payload.scheduler is not None:
        known = canonical_schedule(payload.scheduler)
        if known is None:
            raise ApiError(404, "scheduler-not-found", "Scheduler not found")
        schedule = known
    name = payload.sampler_name or payload.sampler_index
    if name is None:
        return None, schedule
    parts = split_sampler(name)
    if parts is None:
        raise ApiError(404, "sampler-not-found", "Sampler not found")
    if card.samplers and nearest(parts[0], AUTOMATIC).sampler not in card.samplers:
        detail = f"{card.name} does not take {parts[0]}; {card.sampler} is its own"
        notes.append(Note(pointer="/sampler_name", detail=detail))
        return None, AUTOMATIC
    # A schedule in the sampler's name goes before the field, as it does there.
    return parts[0], parts[1] or schedule


def _variation(payload: Payload) -> Mapping[str, Any]:
    strength = payload.subseed_strength or 0.0
    if not strength:
        return {}
    seed = _seed(payload.subseed)
    drawn = secrets.randbelow(SEEDS) if seed is None else seed
    return {"variation_seed": drawn, "variation_strength": strength}


def _text_to_image(payload: TextToImage, card: ModelCard, notes: list[Note]) -> dict[str, Any]:
    width, height = payload.width, payload.height
    if payload.enable_hr:
        width, height = payload.firstphase_width or width, payload.firstphase_height or height
    width, height = _possible(width, card), _possible(height, card)
    fields: dict[str, Any] = {"width": width, "height": height}
    if payload.enable_hr:
        first = width or card.width, height or card.height
        fields["hires"] = hires_of(payload, card, *first, notes)
    return fields


def _possible(side: int | None, card: ModelCard) -> int | None:
    """The nearest side that the model can make: AUTOMATIC1111 takes any, and rounds by itself."""
    if side is None or side % card.factor == 0:
        return side
    nearest = max(card.factor, round(side / card.factor) * card.factor)
    return nearest - card.factor if side <= LIMITS.max_size < nearest else nearest


def _sd_upscale(
    fields: dict[str, Any], wanted: SdUpscale, card: ModelCard, notes: list[Note]
) -> dict[str, Any]:
    """The script enlarges the picture and draws over it in tiles; here it is drawn over whole."""
    if fields["kind"] != "image-to-image":
        raise invalid("mask", f"{SD_UPSCALE} draws over the whole picture; leave it out")
    there_are = [NO_UPSCALER, LANCZOS, NEAREST, *(each.name for each in card.upscalers)]
    name = wanted.upscaler
    if isinstance(name, int):
        name = there_are[name] if 0 <= name < len(there_are) else str(name)
    detail = (
        f"{SD_UPSCALE} works on the whole picture here, not on tiles; their size is passed over"
    )
    notes.append(Note(pointer="/script_args", detail=detail))
    enlarging = {
        "kind": "upscale",
        "scale": wanted.scale,
        "upscaler": upscaler_named(name, "script_args/2", card.upscalers, notes),
    }
    passed_over = ("width", "height", "resize")
    return {key: each for key, each in fields.items() if key not in passed_over} | enlarging


def _image_to_image(
    payload: ImageToImage, card: ModelCard, scripts: Scripts, notes: list[Note]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    if not payload.init_images:
        # In AUTOMATIC1111's own words: some clients know them.
        raise ApiError(404, "no-picture", "Init image not found")
    script = sd_upscale_of(payload.script_name, None)
    words = (payload.prompt or "").strip()
    if "edit" in card.kinds and words and payload.mask is None and not script:
        return _edit(payload, payload.init_images, card, notes)
    if payload.image_cfg_scale is not None:
        notes.append(Note(pointer="/image_cfg_scale", detail=f"{card.name} has none"))
    if len(payload.init_images) > 1:
        detail = f"must be one picture; there are {len(payload.init_images)}"
        raise invalid("init_images", detail)
    strength = STRENGTH if payload.denoising_strength is None else payload.denoising_strength
    fields: dict[str, Any] = {
        "kind": "image-to-image",
        "image": SENT,
        "strength": strength,
        "width": payload.width,
        "height": payload.height,
        "resize": RESIZES[_choice("resize_mode", payload.resize_mode, len(RESIZES))],
    }
    parts = {IMAGE: decode_base64(payload.init_images[0], "init_images/0")}
    if payload.mask is not None:
        fields |= _inpaint(payload) | {"mask_grey": _grey(payload, scripts)}
        parts[MASK] = decode_base64(payload.mask, "mask")
    return fields, parts


def _edit(
    payload: ImageToImage, pictures: list[str], card: ModelCard, notes: list[Note]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What AUTOMATIC1111 makes of img2img where the checkpoint is one for instructions."""
    if payload.denoising_strength is not None:
        detail = f"{card.name} edits by words, which begins with noise alone; it has no strength"
        notes.append(Note(pointer="/denoising_strength", detail=detail))
    fields: dict[str, Any] = {
        "kind": "edit",
        "image": SENT,
        "references": [SENT] * (len(pictures) - 1),
        "width": payload.width,
        "height": payload.height,
        "resize": RESIZES[_choice("resize_mode", payload.resize_mode, len(RESIZES))],
    }
    if card.image_guidance:
        fields["image_guidance_scale"] = payload.image_cfg_scale
    elif payload.image_cfg_scale is not None:
        notes.append(Note(pointer="/image_cfg_scale", detail=f"{card.name} has none"))
    pointers = [IMAGE, *(f"/references/{index}" for index in range(len(pictures) - 1))]
    return fields, {
        pointer: decode_base64(picture, f"init_images/{index}")
        for index, (pointer, picture) in enumerate(zip(pointers, pictures, strict=True))
    }


def _inpaint(payload: ImageToImage) -> dict[str, Any]:
    """With AUTOMATIC1111's defaults: the masked area alone, filled with what surrounds it."""
    masked = payload.inpaint_full_res is None or payload.inpaint_full_res
    return {
        "kind": "inpaint",
        "mask": SENT,
        "mask_blur": _mask_blur(payload),
        "mask_invert": bool(payload.inpainting_mask_invert),
        "inpaint_area": "masked" if masked else "whole",
        "mask_padding": payload.inpaint_full_res_padding or 0,
        "fill": FILLS[_choice("inpainting_fill", payload.inpainting_fill, len(FILLS))],
    }


def _grey(payload: ImageToImage, scripts: Scripts) -> MaskGrey:
    """AUTOMATIC1111 cuts a mask at one half unless it is told not to round it."""
    if scripts.soft_inpainting:
        return "strength"
    return "mix" if payload.mask_round is False else "cut"


def _mask_blur(payload: ImageToImage) -> int:
    if payload.mask_blur is not None:
        return payload.mask_blur
    across = MASK_BLUR if payload.mask_blur_x is None else payload.mask_blur_x
    down = MASK_BLUR if payload.mask_blur_y is None else payload.mask_blur_y
    if across != down:
        detail = f"must be equal to mask_blur_x, {across}: a mask is softened alike on all sides"
        raise invalid("mask_blur_y", detail)
    return across


def _choice(field: str, value: int | None, choices: int) -> int:
    if value is not None and not 0 <= value < choices:
        raise invalid(field, f"must be from 0 to {choices - 1}; it is {value}")
    return value or 0
