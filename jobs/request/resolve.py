"""From what a caller sent to what a worker does: every choice made, against the model's limits."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from pydantic import ValidationError

from jobs.request import blocklist
from jobs.request.drawn import LANCZOS, best_upscaler, drawn_at, note_of
from jobs.request.lora_tags import split_lora_tags
from jobs.request.masks import paints
from jobs.request.model_card import AddOn, Kind, ModelCard
from jobs.request.notes import Note
from jobs.request.request import (
    LIMITS,
    MAX_LORAS,
    SEEDS,
    CommonFields,
    Drawn,
    FieldError,
    GenerationRequest,
    Hires,
    InvalidRequest,
    Lora,
    ResolvedRequest,
)
from jobs.request.samplers import (
    AUTOMATIC,
    Pair,
    canonical_schedule,
    nearest,
    schedule_problem,
    split_sampler,
)

STRENGTH: Mapping[Kind, float] = {
    "image-to-image": 0.75,
    "inpaint": 1.0,
    "outpaint": 1.0,
    "upscale": 0.35,
    "variations": 0.6,
}
"""How far a result may go from its picture where the caller does not say."""

SCALE = 2.0

SMALLEST = 8
"""Pixels of a side; a request that names its size cannot ask for fewer."""

BUILT_IN_UPSCALERS = ("latent", "lanczos", "nearest")
"""Ways to enlarge that need no weights of their own."""

WITH_MASK = ("inpaint",)
WITHOUT_PICTURE = ("text-to-image",)


@dataclass(frozen=True)
class InputPicture:
    """A picture that came with a request: its id in the store and its size in pixels.

    `prompt` and `negative_prompt` are those of its own recipe, where it carries one; `levels` are
    the darkest and the lightest of a mask.
    """

    id: str
    width: int
    height: int
    prompt: str = ""
    negative_prompt: str = ""
    levels: tuple[int, int] | None = None


Pictures = Mapping[str, InputPicture]
"""The pictures of a request by the JSON pointer of the field that named them."""


def resolve(
    request: GenerationRequest,
    cards: list[ModelCard],
    pictures: Pictures | None = None,
    notes: list[Note] | None = None,
) -> ResolvedRequest:
    """Fill in what was left out from the model and the pictures, and draw a missing seed.

    What is done otherwise than asked is added to `notes`.
    Raises InvalidRequest where the model is unknown or a field does not fit it.
    """
    pictures = pictures or {}
    card = _card(request.model, cards)
    source, mask = pictures.get("/image"), pictures.get("/mask")
    written, negative = request.prompt, request.negative_prompt
    if request.kind == "variations" and source and not written.strip():
        written, negative = source.prompt, negative or source.negative_prompt
    prompt, tags = split_lora_tags(written)
    loras = [*request.loras, *_tagged(tags, card)]
    errors = [
        *_kind_errors(request, card, source, mask, prompt),
        *_add_on_errors(request, card, loras, pictures),
        *_sampler_errors(request, card),
        *_model_errors(request, card),
    ]
    # What is in a negative prompt is what the caller does not want to see.
    if blocklist.current().blocks(prompt):
        # Which word it is stays unsaid: the list is the operator's own.
        errors.append(FieldError(pointer="/prompt", detail="asks for what is not made here"))
    if errors:
        raise InvalidRequest(errors)
    width, height = _size(request, card, source)
    # With no strength nothing is drawn, at whatever size: the result is the picture.
    as_it_is = request.kind == "upscale" or (request.strength == 0 and not request.hires)
    drawn = None if as_it_is else request.drawn or drawn_at(card, (width, height))
    if errors := _size_errors(request, card, width, height, drawn):
        raise InvalidRequest(errors)
    pair = nearest(*_sampler(request, card))
    if notes is not None:
        notes += _pair_notes(pair)
    hires, strength = _painted_again(request, card, width, height)
    upscaling = request.kind == "upscale"
    resolved = ResolvedRequest(
        **_common(request),
        prompt=prompt,
        negative_prompt=negative,
        loras=loras,
        controls=[
            control.model_copy(update={"image": pictures[f"/controls/{index}/image"].id})
            for index, control in enumerate(request.controls)
        ],
        model=card.name,
        image=source.id if source else None,
        mask=mask.id if mask else None,
        width=width,
        height=height,
        steps=request.steps or card.steps,
        guidance_scale=(
            card.guidance_scale if request.guidance_scale is None else request.guidance_scale
        ),
        seed=secrets.randbelow(SEEDS) if request.seed is None else request.seed,
        sampler=pair.sampler,
        schedule=pair.schedule,
        strength=strength,
        hires=hires,
        drawn=drawn,
        scale=(request.scale or SCALE) if upscaling else None,
        upscaler=(request.upscaler or _own_upscaler(card)) if upscaling else None,
    )
    if notes is not None and (note := note_of(resolved, card.sizes)):
        notes.append(Note(pointer="/width", detail=note))
    return resolved


def _own_upscaler(card: ModelCard) -> str:
    """What enlarges where nothing is said: with a model that cannot paint the result again, the
    best there is."""
    return best_upscaler(card) if card.sizes else LANCZOS


def _painted_again(
    request: GenerationRequest, card: ModelCard, width: int, height: int
) -> tuple[Hires | None, float]:
    """The second pass and the strength, of which nothing is left where the model would have to
    paint at a size that it is not good at."""
    strength = STRENGTH.get(request.kind, 1.0) if request.strength is None else request.strength
    hires = request.hires
    scale = hires.scale if hires else 1.0
    final = round(width * scale), round(height * scale)
    if not drawn_at(card, final):
        return hires, strength
    if hires:
        own = _own_upscaler(card) if hires.upscaler == "latent" else hires.upscaler
        hires = hires.model_copy(update={"strength": 0.0, "upscaler": own})
    return hires, 0.0 if request.kind == "upscale" else strength


def _common(request: GenerationRequest) -> dict[str, Any]:
    """The fields that go over as they are."""
    chosen = {
        *("prompt", "negative_prompt", "loras", "controls", "schedule"),
        *("hires", "drawn"),
    }
    return {name: getattr(request, name) for name in CommonFields.model_fields.keys() - chosen}


def _tagged(tags: list[tuple[str, float]], card: ModelCard) -> list[Lora]:
    """The LoRAs that a prompt asks for. Raises InvalidRequest.

    Prompts of other programs name the file, of which a name here is made.
    """
    names = {each.name for each in card.loras}

    def ours(name: str) -> str:
        plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")
        return plain if name not in names and plain in names else name

    try:
        return [Lora(name=ours(name), weight=weight) for name, weight in tags]
    except ValidationError:
        detail = "a LoRA in it must have a name of at most 200 characters and a weight from -4 to 4"
        raise InvalidRequest([FieldError(pointer="/prompt", detail=detail)]) from None


def _sampler(request: GenerationRequest, card: ModelCard) -> tuple[str, str]:
    """Sampler and schedule, each by its own name.

    A schedule that was asked for goes before one in the sampler's name. The model's own schedule
    goes with the model's own sampler only.
    """
    own = _split(card.sampler)
    sampler, named = _split(request.sampler) if request.sampler else own
    asked = canonical_schedule(request.schedule) or AUTOMATIC
    if asked == AUTOMATIC and named:
        asked = named
    if asked == AUTOMATIC and sampler == own[0]:
        asked = canonical_schedule(card.schedule) or AUTOMATIC
    return sampler, asked


def _pair_notes(pair: Pair) -> list[Note]:
    said = {"/sampler": pair.sampler_note, "/schedule": pair.schedule_note}
    return [Note(pointer=pointer, detail=detail) for pointer, detail in said.items() if detail]


def _split(name: str) -> tuple[str, str | None]:
    """A sampler's own name and the schedule in it; an unknown name is the worker's to refuse."""
    return split_sampler(name) or (name, None)


def _size(
    request: GenerationRequest, card: ModelCard, source: InputPicture | None
) -> tuple[int, int]:
    """Width and height of the pictures to be made, before a second pass, in pixels."""
    if source is None:
        return request.width or card.width, request.height or card.height
    match request.kind:
        case "outpaint":
            add = request.expand
            return source.width + add.left + add.right, source.height + add.top + add.bottom
        case "upscale":
            scale = request.scale or SCALE
            return round(source.width * scale), round(source.height * scale)
        case "inpaint" if request.inpaint_area == "whole":
            return request.width or source.width, request.height or source.height
        case "inpaint":
            return request.width or card.width, request.height or card.height
        case _:
            return _alike(request, card, source)


def _alike(request: GenerationRequest, card: ModelCard, source: InputPicture) -> tuple[int, int]:
    """A size with the shape of the picture: about as many pixels as the model was trained at."""
    shape = source.width / source.height
    if request.width and request.height:
        return request.width, request.height
    if request.width:
        return request.width, _multiple(request.width / shape, card)
    if request.height:
        return _multiple(request.height * shape, card), request.height
    side = sqrt(card.width * card.height)
    return _multiple(side * sqrt(shape), card), _multiple(side / sqrt(shape), card)


def _multiple(pixels: float, card: ModelCard) -> int:
    most = LIMITS.max_size - LIMITS.max_size % card.factor
    return min(most, max(card.factor, 8, round(pixels / card.factor) * card.factor))


def _card(name: str | None, cards: list[ModelCard]) -> ModelCard:
    for card in cards:
        if card.name == name or (name is None and card.default):
            return card
    if name is None and cards:
        return cards[0]
    there_are = ", ".join(card.name for card in cards) or "none"
    detail = f"no model is named {(name or '')[:60]!r}; there are: {there_are}"
    raise InvalidRequest([FieldError(pointer="/model", detail=detail)])


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
        wrong.append(("/kind", f"the model {card.name} does {', '.join(card.kinds)}"))
    if kind in WITHOUT_PICTURE:
        if not prompt.strip():
            wrong.append(("/prompt", "must say what to draw; it is empty"))
        if source:
            wrong.append(("/image", f"{kind} starts from no picture; image-to-image does"))
    elif source is None:
        wrong.append(("/image", f"is required: {kind} starts from a picture"))
    if kind in WITH_MASK and mask is None:
        wrong.append(("/mask", f"is required: {kind} repaints what is white in it"))
    if kind in WITH_MASK and mask and mask.levels and not _paints(request, mask.levels):
        colour = "black" if request.mask_invert else "white"
        wrong.append(("/mask", f"has nothing {colour}, so there is nothing to repaint"))
    if kind not in WITH_MASK and mask is not None:
        wrong.append(("/mask", f"{kind} has no mask; inpaint does"))
    if kind == "outpaint" and not any(request.expand.model_dump().values()):
        wrong.append(("/expand", "must add at least one pixel on one side"))
    if kind != "outpaint" and any(request.expand.model_dump().values()):
        wrong.append(("/expand", f"{kind} adds nothing on the sides; outpaint does"))
    if kind != "upscale":
        for field in ("scale", "upscaler"):
            if getattr(request, field) is not None:
                wrong.append((f"/{field}", f"{kind} does not take it; upscale does"))
    if request.hires and kind not in ("text-to-image", "image-to-image", "variations"):
        wrong.append(("/hires", f"{kind} has no second pass; text-to-image does"))
    if kind == "text-to-image" and request.strength not in (None, 1.0):
        wrong.append(("/strength", f"{kind} starts from no picture; image-to-image does"))
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong]


def _paints(request: GenerationRequest, levels: tuple[int, int]) -> bool:
    return paints(levels, request.mask_grey, invert=request.mask_invert)


def _add_on_errors(
    request: GenerationRequest, card: ModelCard, loras: list[Lora], pictures: Pictures
) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(loras) > MAX_LORAS:
        detail = (
            f"must be at most {MAX_LORAS}, those in the prompt included; there are {len(loras)}"
        )
        errors.append(FieldError(pointer="/loras", detail=detail))
    for index, lora in enumerate(loras):
        pointer = f"/loras/{index}/name" if index < len(request.loras) else "/prompt"
        errors += _unknown("LoRA", lora.name, card, card.loras, pointer)
    for index, control in enumerate(request.controls):
        pointer = f"/controls/{index}"
        if f"{pointer}/image" not in pictures:
            errors.append(FieldError(pointer=f"{pointer}/image", detail="is required"))
        errors += _unknown("ControlNet", control.model, card, card.controlnets, f"{pointer}/model")
        if control.end < control.start:
            detail = f"must be at least start, {control.start}; it is {control.end}"
            errors.append(FieldError(pointer=f"{pointer}/end", detail=detail))
    upscalers = {"/upscaler": request.upscaler}
    if request.hires:
        upscalers["/hires/upscaler"] = request.hires.upscaler
    for pointer, name in upscalers.items():
        if name is not None and name not in BUILT_IN_UPSCALERS:
            errors += _unknown("upscaler", name, card, card.upscalers, pointer)
    return errors


def _unknown(
    what: str, name: str, card: ModelCard, known: list[AddOn], pointer: str
) -> list[FieldError]:
    names = [each.name for each in known]
    if name in names:
        return []
    if what == "upscaler":
        names = [*BUILT_IN_UPSCALERS, *names]
    there_are = f"there are {', '.join(names)}" if names else "there is none"
    detail = f"no {what} for the model {card.name} is named {name[:60]!r}; {there_are}"
    return [FieldError(pointer=pointer, detail=detail)]


def _sampler_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    asked = request.sampler and nearest(_split(request.sampler)[0], AUTOMATIC).sampler
    if asked and card.samplers and asked not in card.samplers:
        detail = f"the model {card.name} takes {', '.join(card.samplers)}"
        return [FieldError(pointer="/sampler", detail=detail)]
    problem = schedule_problem(request.schedule)
    return [FieldError(pointer="/schedule", detail=problem)] if problem else []


def _model_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    """What this model's parts cannot do, whatever else is asked for."""
    errors: list[FieldError] = []
    if request.clip_skip > card.clip_layers:
        detail = (
            f"must be at most {card.clip_layers} for the model {card.name}; it is "
            f"{request.clip_skip}"
        )
        errors.append(FieldError(pointer="/clip_skip", detail=detail))
    if not card.batched:
        detail = f"the model {card.name} runs as a whole pipeline, which does not take it"
        for field in ("hires", "variation_strength"):
            if getattr(request, field):
                errors.append(FieldError(pointer=f"/{field}", detail=detail))
    return errors


def _size_errors(
    request: GenerationRequest, card: ModelCard, width: int, height: int, drawn: Drawn | None
) -> list[FieldError]:
    """What a picture starts from may have any size: it is brought to the model's multiples."""
    errors: list[FieldError] = []
    if drawn:
        at = {"drawn/width": drawn.width, "drawn/height": drawn.height}
        each = (_multiple_error(field, value, card) for field, value in at.items())
        errors += filter(None, each)
        if drawn.upscaler not in BUILT_IN_UPSCALERS:
            pointer = "/drawn/upscaler"
            errors += _unknown("upscaler", drawn.upscaler, card, card.upscalers, pointer)
    sizes = {"width": width, "height": height}
    for field, value in sizes.items():
        bound = request.kind in WITHOUT_PICTURE and not drawn
        if bound and (error := _multiple_error(field, value, card)):
            errors.append(error)
        asked: int | None = getattr(request, field)
        if request.kind in ("outpaint", "upscale") and asked not in (None, value):
            detail = f"follows from the picture: it is {value}, not {asked}; leave it out"
            errors.append(FieldError(pointer=f"/{field}", detail=detail))
    scale = request.hires.scale if request.hires else 1.0
    pixels = round(width * scale) * round(height * scale)
    pointer = "/hires/scale" if request.hires else "/width"
    if min(width, height) < SMALLEST:
        detail = f"no side may be shorter than {SMALLEST}; it would be {width}x{height}"
        errors.append(FieldError(pointer="/image", detail=detail))
    elif max(width, height) * scale > LIMITS.max_size:
        size = f"{round(width * scale)}x{round(height * scale)}"
        detail = f"no side may be longer than {LIMITS.max_size}; it would be {size}"
        errors.append(FieldError(pointer=pointer, detail=detail))
    elif pixels > LIMITS.max_pixels:
        detail = f"width times height must be at most {LIMITS.max_pixels}; it is {pixels}"
        errors.append(FieldError(pointer=pointer, detail=detail))
    return errors


def _multiple_error(field: str, value: int, card: ModelCard) -> FieldError | None:
    if value % card.factor == 0:
        return None
    nearest = max(card.factor, round(value / card.factor) * card.factor)
    if nearest > LIMITS.max_size:
        nearest -= card.factor
    detail = (
        f"must be a multiple of {card.factor} for the model {card.name}; the nearest is {nearest}"
    )
    return FieldError(pointer=f"/{field}", detail=detail)
