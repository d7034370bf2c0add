"""What is wrong with a request that a model and pictures are known for, field by field."""

from __future__ import annotations

from jobs.request.add_ons.checks import (
    BUILT_IN_UPSCALERS,
    REQUIRED,
    add_on_errors,
    lora_errors,
    unknown_errors,
)
from jobs.request.checks.steering import faults as steering
from jobs.request.fields.masks import paints
from jobs.request.fields.parts import Drawn, Lora
from jobs.request.fields.regions import faults as region_faults
from jobs.request.fields.trace import fault
from jobs.request.fields.values import DRAWN, LIMITS, Most
from jobs.request.model_card import ModelCard
from jobs.request.pictures import InputPicture, Pictures
from jobs.request.request import FieldError, GenerationRequest
from jobs.request.samplers import AUTOMATIC, nearest, parts_of, schedule_problem
from jobs.request.walk.choices import faults
from jobs.request.walk.part import SETS
from jobs.sentences import say

SMALLEST = 8
"""Pixels of a side; a request that names its size cannot ask for fewer."""

WITH_MASK = ("inpaint",)
WITHOUT_PICTURE = ("text-to-image", "walk")
BY_WORDS = ("text-to-image", "edit", "walk")
"""Kinds in which the prompt says all that is to be done."""
WITHOUT_STRENGTH = ("text-to-image", "edit", "walk")


def request_errors(
    request: GenerationRequest,
    card: ModelCard,
    pictures: Pictures,
    prompt: str,
    loras: list[Lora],
    cards: list[ModelCard],
) -> list[FieldError]:
    """What is wrong before a size is chosen; `prompt` without the tags that became `loras`. `cards`
    are those of all models, `card` among them."""
    return [
        *_kind_errors(request, card, pictures.get("/image"), pictures.get("/mask"), prompt),
        *_reference_errors(request, pictures),
        *_region_errors(request, pictures, prompt),
        *lora_errors(request, card, loras, cards),
        *add_on_errors(request, card, pictures, cards),
        *_sampler_errors(request, card),
        *_model_errors(request, card),
        *_trace_errors(request, card),
        *_walk_errors(request, prompt),
    ]


def _trace_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    steps = max(request.walk.steps or [0]) if request.walk else 0
    detail = fault(request.trace, steps or request.steps or card.steps, batched=card.batched)
    return [FieldError(pointer="/trace", detail=detail)] if detail else []


def _walk_errors(request: GenerationRequest, prompt: str) -> list[FieldError]:
    walk = request.walk
    if (request.kind == "walk") != (walk is not None):
        detail = f"{request.kind} does not take it; the kind walk does"
        needed = "is required: it says what changes from picture to picture"
        return [FieldError(pointer="/walk", detail=detail if walk else needed)]
    if walk is None:
        return []
    wrong = list(faults(walk, prompt))
    wrong += [
        (f"/{name}", f"the walk sets it for each picture; leave it out beside {walk.over}")
        for name in SETS[walk.over]
        if getattr(request, name) is not None
    ]
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong]


def count_errors(request: GenerationRequest, pictures: int) -> list[FieldError]:
    """How many pictures a walk has follows from it."""
    if request.walk is None or request.count in (1, pictures):
        return []
    detail = f"follows from the walk: it is {pictures}, not {request.count}; leave it out"
    return [FieldError(pointer="/count", detail=detail)]


def size_errors(
    request: GenerationRequest,
    card: ModelCard,
    width: int,
    height: int,
    drawn: Drawn | None,
    most: Most = DRAWN,
) -> list[FieldError]:
    """What a picture starts from may have any size: it is brought to the model's multiples."""
    errors: list[FieldError] = []
    if drawn:
        at = {"drawn/width": drawn.width, "drawn/height": drawn.height}
        each = (_multiple_error(field, value, card) for field, value in at.items())
        errors += filter(None, each)
        if drawn.upscaler not in BUILT_IN_UPSCALERS:
            pointer = "/drawn/upscaler"
            errors += unknown_errors("upscaler", drawn.upscaler, card, card.upscalers, pointer)
    sizes = {"width": width, "height": height}
    for field, value in sizes.items():
        bound = request.kind in WITHOUT_PICTURE and not drawn
        if bound and (error := _multiple_error(field, value, card)):
            errors.append(error)
        asked: int | None = getattr(request, field)
        if request.kind in ("outpaint", "upscale") and asked not in (None, value):
            detail = say(
                "follows-from-picture",
                "follows from the picture: it is {value}, not {asked}; leave it out",
                value=value,
                asked=asked or 0,
            )
            errors.append(FieldError(pointer=f"/{field}", detail=detail))
    scale = request.hires.scale if request.hires else 1.0
    pixels = round(width * scale) * round(height * scale)
    pointer = "/scale" if request.kind == "upscale" else "/width"
    if request.hires:
        pointer = "/hires/scale"
    if min(width, height) < SMALLEST:
        detail = say(
            "side-too-short",
            "no side may be shorter than {least}; it would be {size}",
            least=SMALLEST,
            size=f"{width}x{height}",
        )
        errors.append(FieldError(pointer="/image", detail=detail))
    elif max(width, height) * scale > most.side:
        size = f"{round(width * scale)}x{round(height * scale)}"
        detail = say(
            "side-too-long",
            "no side may be longer than {most}; it would be {size}",
            most=most.side,
            size=size,
        )
        errors.append(FieldError(pointer=pointer, detail=detail))
    elif pixels > most.pixels:
        detail = say(
            "too-many-pixels",
            "width times height must be at most {most}; it is {has}",
            most=most.pixels,
            has=pixels,
        )
        errors.append(FieldError(pointer=pointer, detail=detail))
    return errors


def _shows(request: GenerationRequest) -> bool:
    """Whether something other than its own prompt says what to draw."""
    if request.regions:
        return True
    pictures = request.ip_adapters or request.controls or request.reference_only
    return request.kind != "edit" and bool(pictures)


def _kind_errors(
    request: GenerationRequest,
    card: ModelCard,
    source: InputPicture | None,
    mask: InputPicture | None,
    prompt: str,
) -> list[FieldError]:
    kind = request.kind
    wrong: list[tuple[str, str]] = []
    if kind not in card.kinds:
        kinds = ", ".join(card.kinds)
        detail = say("kinds", "the model {model} does {kinds}", model=card.name, kinds=kinds)
        wrong.append(("/kind", detail))
    if kind in BY_WORDS and not prompt.strip() and not _shows(request):
        if kind == "edit":
            detail = say("says-no-change", "must say what to change; it is empty")
        else:
            detail = say("says-nothing", "must say what to draw; it is empty")
        wrong.append(("/prompt", detail))
    if kind in WITHOUT_PICTURE:
        if source:
            wrong.append(("/image", f"{kind} starts from no picture; image-to-image does"))
    elif source is None:
        detail = say("no-image", "is required: {kind} starts from a picture", kind=kind)
        wrong.append(("/image", detail))
    if kind in WITH_MASK and mask is None:
        detail = say("no-mask", "is required: {kind} repaints what is white in it", kind=kind)
        wrong.append(("/mask", detail))
    if kind in WITH_MASK and mask and mask.levels and not _paints(request, mask.levels):
        colour = "black" if request.mask_invert else "white"
        template = "has nothing {colour}, so there is nothing to repaint"
        wrong.append(("/mask", say("empty-mask", template, colour=colour)))
    if kind not in WITH_MASK and mask is not None:
        wrong.append(("/mask", f"{kind} has no mask; inpaint does"))
    if kind == "outpaint" and not any(request.expand.model_dump().values()):
        wrong.append(("/expand", say("no-edges", "must add at least one pixel on one side")))
    if kind != "outpaint" and any(request.expand.model_dump().values()):
        wrong.append(("/expand", f"{kind} adds nothing on the sides; outpaint does"))
    if kind != "upscale":
        for field in ("scale", "upscaler"):
            if getattr(request, field) is not None:
                wrong.append((f"/{field}", f"{kind} does not take it; upscale does"))
    if request.hires and kind not in ("text-to-image", "image-to-image", "variations"):
        wrong.append(("/hires", f"{kind} has no second pass; text-to-image does"))
    if kind in WITHOUT_STRENGTH and request.strength not in (None, 1.0):
        why = "starts from no picture" if kind in WITHOUT_PICTURE else "begins with noise alone"
        wrong.append(("/strength", f"{kind} {why}; image-to-image does not"))
    wrong += _edit_errors(request, card)
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong]


def _reference_errors(request: GenerationRequest, pictures: Pictures) -> list[FieldError]:
    pointers = [f"/references/{index}" for index in range(len(request.references))]
    return [FieldError(pointer=at, detail=REQUIRED) for at in pointers if at not in pictures]


def _region_errors(request: GenerationRequest, pictures: Pictures, prompt: str) -> list[FieldError]:
    masks = (pictures.get(f"/regions/{index}/mask") for index in range(len(request.regions)))
    levels = [mask and mask.levels for mask in masks]
    return [
        FieldError(pointer=pointer, detail=detail)
        for pointer, detail in region_faults(request.regions, prompt, levels)
    ]


def _edit_errors(request: GenerationRequest, card: ModelCard) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    if request.kind != "edit":
        if request.references:
            wrong.append(("/references", f"{request.kind} takes one picture; edit takes several"))
        if request.image_guidance_scale is not None:
            detail = f"{request.kind} does not take it; edit does"
            wrong.append(("/image_guidance_scale", detail))
        return wrong
    pictures = 1 + len(request.references)
    if card.edit_pictures and pictures > card.edit_pictures:
        most = "one picture" if card.edit_pictures == 1 else f"at most {card.edit_pictures}"
        detail = f"the model {card.name} edits {most}, `image` included; there are {pictures}"
        wrong.append(("/references", detail))
    if request.image_guidance_scale is not None and not card.image_guidance:
        detail = f"the model {card.name} is guided by the prompt alone; leave it out"
        wrong.append(("/image_guidance_scale", detail))
    return wrong


def _paints(request: GenerationRequest, levels: tuple[int, int]) -> bool:
    return paints(levels, request.mask_grey, invert=request.mask_invert)


def _sampler_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    walked = (request.walk.samplers if request.walk else None) or []
    named = {"/sampler": request.sampler}
    named |= {f"/walk/samplers/{index}": each for index, each in enumerate(walked)}
    samplers = ", ".join(card.samplers)
    detail = say(
        "samplers", "the model {model} takes {samplers}", model=card.name, samplers=samplers
    )
    wrong = [
        FieldError(pointer=pointer, detail=detail)
        for pointer, name in named.items()
        if name and card.samplers and _made_by(name) not in card.samplers
    ]
    if wrong:
        return wrong
    problem = schedule_problem(request.schedule)
    return [FieldError(pointer="/schedule", detail=problem)] if problem else []


def _made_by(name: str) -> str:
    """The sampler of this server that a name leads to."""
    return nearest(parts_of(name)[0], AUTOMATIC).sampler


def _model_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    """What this model's parts cannot do, whatever else is asked for."""
    errors: list[FieldError] = []
    if request.clip_skip > card.clip_layers:
        detail = say(
            "above-for-model",
            "must be at most {limit} for the model {model}; it is {given}",
            limit=card.clip_layers,
            model=card.name,
            given=request.clip_skip,
        )
        errors.append(FieldError(pointer="/clip_skip", detail=detail))
    if request.true_cfg_scale != 1 and not card.distilled_guidance:
        detail = f"the model {card.name} is guided by guidance_scale; leave it out"
        errors.append(FieldError(pointer="/true_cfg_scale", detail=detail))
    errors += [FieldError(pointer=at, detail=detail) for at, detail in steering(request, card)]
    if not card.batched:
        detail = say(
            "whole-pipeline",
            "the model {model} runs as a whole pipeline, which does not take it",
            model=card.name,
        )
        for field in ("hires", "variation_strength", "blend", "regions"):
            if getattr(request, field):
                errors.append(FieldError(pointer=f"/{field}", detail=detail))
        if request.kind in WITH_MASK and request.fill in ("noise", "nothing"):
            errors.append(FieldError(pointer="/fill", detail=detail))
        if request.kind in WITH_MASK and request.mask_grey == "strength":
            errors.append(FieldError(pointer="/mask_grey", detail=detail))
    return errors


def _multiple_error(field: str, value: int, card: ModelCard) -> FieldError | None:
    if value % card.factor == 0:
        return None
    nearest = max(card.factor, round(value / card.factor) * card.factor)
    if nearest > LIMITS.max_size:
        nearest -= card.factor
    detail = say(
        "no-multiple",
        "must be a multiple of {factor} for the model {model}; the nearest is {nearest}",
        factor=card.factor,
        model=card.name,
        nearest=nearest,
    )
    return FieldError(pointer=f"/{field}", detail=detail)
