"""From what a caller sent to what a worker does: every choice made, against the model's limits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from itertools import zip_longest
from math import sqrt
from typing import Any

from jobs.request.add_ons.checks import type_of
from jobs.request.checks import blocklist
from jobs.request.checks.checks import count_errors, request_errors, size_errors
from jobs.request.checks.prompt_checks import prompt_errors
from jobs.request.drawn import LANCZOS, SIZED, best_upscaler, drawn_at, notes_of
from jobs.request.fields.parts import Control, Hires, IPAdapter, RestoreFaces
from jobs.request.fields.values import (
    DRAWN,
    ENLARGED,
    LEAST_PADDING,
    LIMITS,
    MOST_PADDING,
    SEEDS,
    Area,
)
from jobs.request.model_card import Kind, ModelCard
from jobs.request.notes import (
    Note,
    guidance_notes,
    half_written_notes,
    idle_thresholds,
    picture_notes,
    prompt_notes,
    threshold_notes,
)
from jobs.request.pictures import InputPicture, Pictures
from jobs.request.request import (
    CommonFields,
    FieldError,
    GenerationRequest,
    InvalidRequest,
    ResolvedRequest,
)
from jobs.request.samplers import (
    AUTOMATIC,
    Pair,
    canonical_schedule,
    nearest,
    parts_of,
)
from jobs.request.walk.choices import chosen
from jobs.request.walk.part import Walk
from jobs.request.wordings import other_prompts, words_of
from jobs.sentences import say

STRENGTH: Mapping[Kind, float] = {
    "image-to-image": 0.75,
    "inpaint": 1.0,
    "outpaint": 1.0,
    "upscale": 0.35,
    "variations": 0.6,
}
"""How far a result may go from its picture where the caller does not say."""

SCALE = 2.0

LARGE = 2
"""Times a model's own pixels that a picture has of which only the masked area is worked on."""

SEEN = 1 / 16
"""Share of a picture's longest side that is seen round its masked area."""

IMAGE_GUIDANCE_SCALE = 1.5
"""How much an edit keeps to its picture where the caller does not say, as diffusers and the paper
have it (arXiv 2211.09800)."""


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
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    said = words_of(request, card, source, seed)
    prompt, negative = said.prompt, said.negative_prompt
    errors = said.errors
    for each in said.wordings:
        errors += request_errors(request, card, pictures, each.prompt, each.loras, cards)
        errors += prompt_errors(request, card, each)
    errors += _blocked(request, [each.prompt for each in said.wordings])
    if errors:
        # Pictures of one template may have one fault.
        raise InvalidRequest([each for n, each in enumerate(errors) if each not in errors[:n]])
    area = _inpaint_area(request, card, source)
    width, height = _size(request, card, source, area)
    # With no strength nothing is drawn, at whatever size: the result is the picture.
    as_it_is = request.kind == "upscale" or (request.strength == 0 and not request.hires)
    drawn = None if as_it_is else request.drawn or drawn_at(card, (width, height))
    hires, strength = _painted_again(request, card, width, height)
    in_pixels = request.kind == "upscale" and not strength and request.upscaler != "latent"
    most = ENLARGED if in_pixels else DRAWN
    if errors := size_errors(request, card, width, height, drawn, most):
        raise InvalidRequest(errors)
    scale = card.guidance_scale if request.guidance_scale is None else request.guidance_scale
    pair = nearest(*_sampler(request, card), card.schedules)
    if notes is not None:
        notes += [*_pair_notes(pair), *prompt_notes(card, prompt, negative), *said.notes]
        if card.batched and not request.as_written:
            texts = [("/prompt", each.prompt) for each in said.wordings]
            texts += [("/negative_prompt", each.negative_prompt) for each in said.wordings]
            texts += other_prompts(request).items()
            if request.hires and request.hires.negative_prompt:
                texts.append(("/hires/negative_prompt", request.hires.negative_prompt))
            notes += half_written_notes(texts)
        notes += guidance_notes(scale, cfg_plus_plus=request.cfg_plus_plus)
        notes += [*threshold_notes(request.controls), *picture_notes(pictures)]
    walk, pictures_made = (
        (None, request.count) if request.walk is None else chosen(request.walk, prompt)
    )
    if errors := count_errors(request, pictures_made):
        raise InvalidRequest(errors)
    walk = walk and _with_pairs(walk, request, card, notes)
    steps = max(walk.steps) if walk and walk.steps else request.steps or card.steps
    upscaling = request.kind == "upscale"
    resolved = ResolvedRequest(
        **_common(request),
        prompt=prompt,
        negative_prompt=negative,
        loras=said.loras,
        wordings=said.wordings if said.template else [],
        controls=[
            _steering(each, index, card, pictures) for index, each in enumerate(request.controls)
        ],
        ip_adapters=[_referring(each, at, pictures) for at, each in enumerate(request.ip_adapters)],
        reference_only=request.reference_only
        and request.reference_only.model_copy(
            update={"image": pictures["/reference_only/image"].id}
        ),
        regions=[
            region.model_copy(update={"mask": pictures[f"/regions/{index}/mask"].id})
            if region.mask
            else region
            for index, region in enumerate(request.regions)
        ],
        restore_faces=_restoring(request, card),
        model=card.name,
        image=source.id if source else None,
        mask=mask.id if mask else None,
        references=[
            pictures[f"/references/{index}"].id for index in range(len(request.references))
        ],
        image_guidance_scale=_image_guidance_scale(request, card),
        width=width,
        height=height,
        steps=steps,
        count=pictures_made,
        walk=walk,
        guidance_scale=scale,
        seed=seed,
        sampler=pair.sampler,
        schedule=pair.schedule,
        strength=strength,
        inpaint_area=area,
        mask_padding=_mask_padding(request, source),
        hires=hires,
        drawn=drawn,
        scale=(request.scale or SCALE) if upscaling else None,
        upscaler=(request.upscaler or _own_upscaler(card)) if upscaling else None,
    )
    if notes is not None:
        painting = bool(request.hires.strength if request.hires else request.strength)
        sized = notes_of(resolved, card.sizes, painting=painting)
        notes += [Note(pointer=SIZED, detail=each) for each in sized]
    return resolved


def _steering(control: Control, number: int, card: ModelCard, pictures: Pictures) -> Control:
    """A ControlNet with its pictures by their ids, and the kind that it takes them for."""
    at = f"/controls/{number}"
    mask = pictures[f"{at}/mask"].id if control.mask is not None else None
    found = {"image": pictures[f"{at}/image"].id, "mask": mask}
    found |= dict.fromkeys(idle_thresholds(control))
    return control.model_copy(update=found | {"control_type": type_of(control, card)})


def _referring(adapter: IPAdapter, number: int, pictures: Pictures) -> IPAdapter:
    """An IP-Adapter with its pictures by their ids."""
    at = f"/ip_adapters/{number}"
    images = [pictures[f"{at}/images/{index}"].id for index in range(len(adapter.images))]
    mask = pictures[f"{at}/mask"].id if adapter.mask is not None else None
    return adapter.model_copy(update={"images": images, "mask": mask})


def _restoring(request: GenerationRequest, card: ModelCard) -> RestoreFaces | None:
    """The face restorer by its name."""
    asked = request.restore_faces
    if asked is None or asked.model is not None:
        return asked
    return asked.model_copy(update={"model": card.face_restorers[0].name})


def _blocked(request: GenerationRequest, prompts: list[str]) -> list[FieldError]:
    """What the operator's list does not let anybody ask for.

    What is in a negative prompt is what the caller does not want to see.
    """
    ends = [("/prompt", prompt) for prompt in prompts]
    ends += [(pointer, text) for pointer, text in other_prompts(request).items()]
    # Which word it is stays unsaid: the list is the operator's own.
    return [
        FieldError(
            pointer=pointer,
            detail=say("blocked", "has words that this server's owner does not allow in prompts"),
        )
        for pointer, text in ends
        if blocklist.current().blocks(text)
    ]


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


def _image_guidance_scale(request: GenerationRequest, card: ModelCard) -> float | None:
    if not card.image_guidance:
        return None
    asked = request.image_guidance_scale
    return IMAGE_GUIDANCE_SCALE if asked is None else asked


def _common(request: GenerationRequest) -> dict[str, Any]:
    """The fields that go over as they are."""
    chosen = {
        *("prompt", "negative_prompt", "loras", "controls", "ip_adapters", "regions", "schedule"),
        *(
            "reference_only",
            "restore_faces",
            "hires",
            "drawn",
            "image_guidance_scale",
            "count",
            "walk",
            "wordings",
        ),
    }
    return {name: getattr(request, name) for name in CommonFields.model_fields.keys() - chosen}


def _sampler(request: GenerationRequest, card: ModelCard) -> tuple[str, str]:
    """Sampler and schedule, each by its own name.

    A schedule that was asked for goes before one in the sampler's name. The model's own schedule
    goes with the model's own sampler only.
    """
    own = parts_of(card.sampler)
    sampler, named = parts_of(request.sampler) if request.sampler else own
    asked = canonical_schedule(request.schedule) or AUTOMATIC
    if asked == AUTOMATIC and named:
        asked = named
    if asked == AUTOMATIC and sampler == own[0]:
        asked = canonical_schedule(card.schedule) or AUTOMATIC
    return sampler, asked


def _with_pairs(
    walk: Walk, request: GenerationRequest, card: ModelCard, notes: list[Note] | None
) -> Walk:
    """A walk over samplers or schedules with each pair that is made here, and notes of what that
    is instead of."""
    if not walk.samplers and not walk.schedules:
        return walk
    asked = [
        {"sampler": sampler, "schedule": schedule}
        for sampler, schedule in zip_longest(walk.samplers or [], walk.schedules or [])
    ]
    pairs = [
        nearest(
            *_sampler(request.model_copy(update={k: v for k, v in each.items() if v}), card),
            card.schedules,
        )
        for each in asked
    ]
    for index, pair in enumerate(pairs):
        for field, detail in (("samplers", pair.sampler_note), ("schedules", pair.schedule_note)):
            if detail and notes is not None:
                where = field if getattr(walk, field) else "samplers"
                notes.append(Note(pointer=f"/walk/{where}/{index}", detail=detail))
    made: dict[str, list[str]] = {"schedules": [each.schedule for each in pairs]}
    if walk.samplers:
        made["samplers"] = [each.sampler for each in pairs]
    return walk.model_copy(update=made)


def _pair_notes(pair: Pair) -> list[Note]:
    said = {"/sampler": pair.sampler_note, "/schedule": pair.schedule_note}
    return [Note(pointer=pointer, detail=detail) for pointer, detail in said.items() if detail]


def _inpaint_area(request: GenerationRequest, card: ModelCard, source: InputPicture | None) -> Area:
    """What of a picture is worked on: at many times the size that it was trained at a model is
    lost, and takes long."""
    if request.inpaint_area is not None:
        return request.inpaint_area
    if request.kind != "inpaint" or source is None or request.width or request.height:
        return "whole"
    own = card.width * card.height
    return "masked" if source.width * source.height > LARGE * own else "whole"


def _mask_padding(request: GenerationRequest, source: InputPicture | None) -> int:
    """Enough of what is round the mask for the model to see where it paints."""
    if request.mask_padding is not None:
        return request.mask_padding
    longest = max(source.width, source.height) if source else 0
    return min(MOST_PADDING, max(LEAST_PADDING, round(longest * SEEN)))


def _size(
    request: GenerationRequest, card: ModelCard, source: InputPicture | None, area: Area
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
        case "inpaint" if area == "whole":
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
    names = ", ".join(card.name for card in cards)
    detail = say(
        "unknown-model",
        "no model is named {name}; there are: {there_are}",
        name=repr((name or "")[:60]),
        there_are=names or "none",
        names=names,
    )
    raise InvalidRequest([FieldError(pointer="/model", detail=detail)])
