"""What is wrong with the add-ons that a request names, field by field."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.prompts.block_weights import BASE
from jobs.request.fields.parts import Control, IPAdapter, Lora, ReferenceOnly
from jobs.request.fields.values import MAX_LORAS, PREPROCESSORS, ControlType, is_built_in
from jobs.request.model_card import AddOn, ModelCard
from jobs.request.pictures import Pictures
from jobs.request.request import FieldError, GenerationRequest
from jobs.sentences import Sentence, say

BUILT_IN_UPSCALERS = ("latent", "lanczos", "nearest")
"""Ways to enlarge that need no weights of their own."""

REQUIRED = say("required", "is required")

WORDS = {"controlnets": "ControlNet", "ip_adapters": "IP-Adapter"}
"""What the fields of a card list."""

TYPES: Mapping[str, ControlType] = {
    "canny": "canny",
    "lineart": "canny",
    "scribble": "scribble",
    "tile": "tile",
    "blur": "tile",
    "depth": "depth",
    "normal": "normal",
    "segmentation": "segment",
    "pose": "openpose",
}
"""The kinds of pictures that preprocessors make, by their names or their tasks, for ControlNets
that tell several apart."""

WHOLE_ONLY = ("sd3", "flux", "qwen-image")
"""Families whose ControlNets act on all of a picture and all of its rows."""


def lora_errors(
    request: GenerationRequest, card: ModelCard, loras: list[Lora], cards: list[ModelCard]
) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(loras) > MAX_LORAS:
        detail = say(
            "too-many-loras",
            "must be at most {most}, those in the prompt included; there are {has}",
            most=MAX_LORAS,
            has=len(loras),
        )
        errors.append(FieldError(pointer="/loras", detail=detail))
    for index, lora in enumerate(loras):
        pointer = f"/loras/{index}/name" if index < len(request.loras) else "/prompt"
        unknown = unknown_errors("LoRA", lora.name, card, card.loras, pointer)
        fitting = [each for each in cards if any(lora.name == its.name for its in each.loras)]
        if unknown and fitting:
            its = next(each for each in fitting[0].loras if each.name == lora.name)
            names = ", ".join(each.name for each in fitting[:3])
            detail = _of_another("LoRA", lora.name, its.family or fitting[0].family, names, card)
            unknown = [FieldError(pointer=pointer, detail=detail)]
        errors += unknown
        wrong = _block_problem(lora, card)
        if wrong and not unknown:
            pointer = pointer.replace("/name", "/block_weights")
            errors.append(FieldError(pointer=pointer, detail=wrong))
    return errors


def _block_problem(lora: Lora, card: ModelCard) -> Sentence | None:
    """Lists have blocks that a smaller network lacks: one that it has is enough."""
    named = [name for name in lora.block_weights if name != BASE]
    if not named or any(name in card.lora_blocks for name in named):
        return None
    if not card.unet:
        return say("blocks-need-unet", "weights of blocks are for models with a U-Net")
    if not card.lora_blocks:
        return None
    return say(
        "no-such-block",
        "the model has no block {name}; its blocks are {blocks}",
        name=named[0],
        blocks=", ".join(card.lora_blocks),
    )


def add_on_errors(
    request: GenerationRequest, card: ModelCard, pictures: Pictures, cards: list[ModelCard]
) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, control in enumerate(request.controls):
        pointer = f"/controls/{index}"
        if f"{pointer}/image" not in pictures:
            errors.append(FieldError(pointer=f"{pointer}/image", detail=REQUIRED))
        where = f"{pointer}/model"
        errors += _fit_errors("controlnets", control.model, card, where, cards)
        errors += _span_errors(control, pointer)
        errors += _control_errors(control, card, pointer)
        if control.mask is not None and f"{pointer}/mask" not in pictures:
            errors.append(FieldError(pointer=f"{pointer}/mask", detail=REQUIRED))
    errors += _ip_adapter_errors(request, card, pictures, cards)
    if request.reference_only is not None:
        errors += _span_errors(request.reference_only, "/reference_only")
        if "/reference_only/image" not in pictures:
            errors.append(FieldError(pointer="/reference_only/image", detail=REQUIRED))
    if request.vae is not None:
        errors += unknown_errors("autoencoder", request.vae, card, card.vaes, "/vae")
    errors += _restorer_errors(request, card)
    upscalers = {"/upscaler": request.upscaler}
    if request.hires:
        upscalers["/hires/upscaler"] = request.hires.upscaler
    for pointer, name in upscalers.items():
        if name is not None and name not in BUILT_IN_UPSCALERS:
            errors += unknown_errors("upscaler", name, card, card.upscalers, pointer)
    return errors


def _restorer_errors(request: GenerationRequest, card: ModelCard) -> list[FieldError]:
    asked = request.restore_faces
    if asked is None:
        return []
    if not card.face_restorers:
        detail = say("no-face-restorer", "there is no face restorer on this server")
        return [FieldError(pointer="/restore_faces", detail=detail)]
    if asked.model is None:
        return []
    where, known = "/restore_faces/model", card.face_restorers
    return unknown_errors("face restorer", asked.model, card, known, where)


def _ip_adapter_errors(
    request: GenerationRequest, card: ModelCard, pictures: Pictures, cards: list[ModelCard]
) -> list[FieldError]:
    errors: list[FieldError] = []
    for number, adapter in enumerate(request.ip_adapters):
        pointer = f"/ip_adapters/{number}"
        needed = [f"{pointer}/images/{index}" for index in range(len(adapter.images))]
        needed += [f"{pointer}/mask"] if adapter.mask is not None else []
        errors += [
            FieldError(pointer=each, detail=REQUIRED) for each in needed if each not in pictures
        ]
        errors += _fit_errors("ip_adapters", adapter.model, card, f"{pointer}/model", cards)
        errors += _span_errors(adapter, pointer)
    return errors


def type_of(control: Control, card: ModelCard) -> ControlType | None:
    """The kind that a ControlNet takes its picture for, where it tells several apart; None where it
    does not, or where nothing says which."""
    its = next((each for each in card.controlnets if each.name == control.model), None)
    if its is None or not its.control_types:
        return control.control_type
    task = next((p.task for p in card.preprocessors if p.name == control.preprocessor), "")
    found = control.control_type or TYPES.get(task or control.preprocessor)
    return found if found in its.control_types else None


def _control_errors(control: Control, card: ModelCard, pointer: str) -> list[FieldError]:
    its = next((each for each in card.controlnets if each.name == control.model), None)
    if its is None:
        return []
    errors: list[FieldError] = []
    if not is_built_in(control.preprocessor):
        where = f"{pointer}/preprocessor"
        known = card.preprocessors
        errors += unknown_errors("preprocessor", control.preprocessor, card, known, where)
    kinds = ", ".join(its.control_types)
    if its.control_types and type_of(control, card) is None:
        detail = say(
            "no-control-type", "must say of which kind the picture is: {kinds}", kinds=kinds
        )
        errors.append(FieldError(pointer=f"{pointer}/control_type", detail=detail))
    if control.control_type is not None and not its.control_types:
        detail = f"{control.model} is for one kind of pictures; leave it out"
        errors.append(FieldError(pointer=f"{pointer}/control_type", detail=detail))
    if its.family in WHOLE_ONLY:
        detail = f"a ControlNet for {its.family} acts on all of a picture, balanced; leave it out"
        asked = {"mask": control.mask, "control_mode": control.control_mode != "balanced"}
        errors += [
            FieldError(pointer=f"{pointer}/{name}", detail=detail)
            for name, given in asked.items()
            if given
        ]
    return errors


def _span_errors(part: Control | IPAdapter | ReferenceOnly, pointer: str) -> list[FieldError]:
    if part.end >= part.start:
        return []
    detail = say(
        "ends-before",
        "must be at least start, {start}; it is {end}",
        start=part.start,
        end=part.end,
    )
    return [FieldError(pointer=f"{pointer}/end", detail=detail)]


def _fit_errors(
    field: str, name: str, card: ModelCard, pointer: str, cards: list[ModelCard]
) -> list[FieldError]:
    """Whether a model lists an add-on in a field of its card; and whose it is, where it is
    another's."""
    what = WORDS[field]
    unknown = unknown_errors(what, name, card, getattr(card, field), pointer)
    for other in cards if unknown else []:
        its = next((each for each in getattr(other, field) if each.name == name), None)
        if its is not None:
            detail = _of_another(what, name, its.family or other.family, other.name, card)
            return [FieldError(pointer=pointer, detail=detail)]
    return unknown


def _of_another(what: str, name: str, family: str, models: str, card: ModelCard) -> Sentence:
    """An add-on is for models of another family."""
    return say(
        "other-family",
        "the {what} {name} is for {family} ({models}); the model {model} is {its}",
        what=what,
        name=repr(name),
        family=family,
        models=models,
        model=card.name,
        its=card.family,
    )


def unknown_errors(
    what: str, name: str, card: ModelCard, known: list[AddOn], pointer: str
) -> list[FieldError]:
    names = [each.name for each in known]
    if name in names:
        return []
    built_in: dict[str, tuple[str, ...]] = {
        "upscaler": BUILT_IN_UPSCALERS,
        "preprocessor": PREPROCESSORS,
    }
    names = [*built_in.get(what, ()), *names]
    there_are = f"there are {', '.join(names)}" if names else "there is none"
    detail = say(
        "unknown-part",
        "no {what} for the model {model} is named {name}; {there_are}",
        what=what,
        model=card.name,
        name=repr(name[:60]),
        there_are=there_are,
        names=", ".join(names),
    )
    return [FieldError(pointer=pointer, detail=detail)]
