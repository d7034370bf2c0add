"""txt2img and img2img: a job like any other, waited for, in AUTOMATIC1111's words."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from jobs.pictures import sandbox
from jobs.records.record import JobRecord
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import InvalidRequest
from server.compat import waiting
from server.compat.a1111.body import json_object, read
from server.compat.a1111.callers import Options, chosen_model, identity
from server.compat.a1111.checkpoints import checkpoint_named
from server.compat.a1111.control_maps import NoOpenCV, control_map
from server.compat.a1111.generation.answer import Shown, answer
from server.compat.a1111.generation.held import make
from server.compat.a1111.generation.payload import ImageToImage, Payload, TextToImage
from server.compat.a1111.generation.scripts import scripts_of
from server.compat.a1111.generation.translation import Asked, asked, renamed
from server.compat.a1111.vaes import fitting, vae_named
from server.errors import ApiError
from server.requests.submission import known_models

blueprint = Blueprint("a1111_generation", __name__, url_prefix="/sdapi/v1")


@blueprint.post("/txt2img")
def txt2img() -> Response:
    """Pictures from a prompt."""
    return _generate(TextToImage)


@blueprint.post("/img2img")
def img2img() -> Response:
    """Pictures from a picture, or under its mask."""
    return _generate(ImageToImage)


def _generate(model: type[Payload]) -> Response:
    sent = json_object()
    payload = read(model, sent)
    scripts = scripts_of(payload.alwayson_scripts)
    if scripts.fields:
        payload = read(model, sent | scripts.fields)
    cards, who = known_models(), identity()
    options = who.options()
    card = _checkpoint(payload, cards) or chosen_model(options, cards)
    clip_skip = _clip_skip(payload, options)
    vae, left_out = _vae(payload, options, card)
    what = asked(payload, card, clip_skip, vae, scripts)
    try:
        record = make(what.request, what.parts, cards, who, (*what.notes, *left_out))
    except InvalidRequest as error:
        raise renamed(error) from None
    if payload.override_settings_restore_afterwards is False:
        who.set_options(_overridden(payload, options, record))
    made = list(zip(record.outputs, waiting.pictures(record), strict=True))
    shown = payload.setting_format or options.samples_format or "png"
    maps = _maps(what, record)
    return answer(record, made, payload, sent, card, Shown(shown, maps))


def _maps(what: Asked, record: JobRecord) -> list[bytes]:
    """What the ControlNets read of their pictures, at the size of each pass; none where the API
    runs apart from the workers, who have what makes them."""
    request = record.request
    sizes = [(request.width, request.height)]
    if request.hires:
        scale = request.hires.scale
        sizes.append((round(request.width * scale), round(request.height * scale)))
    try:
        return [
            control_map(how, sandbox.decode(what.parts[pointer], "picture").png, size)
            for pointer, how in what.maps.items()
            for size in sizes
        ]
    except NoOpenCV:
        return []


def _checkpoint(payload: Payload, cards: list[ModelCard]) -> ModelCard | None:
    """The model for this request alone. Raises a 422 where there is no such model."""
    asked_for = payload.setting_checkpoint
    if asked_for is None or asked_for == "":
        return None
    return checkpoint_named(asked_for, "override_settings/sd_model_checkpoint", cards)


def _clip_skip(payload: Payload, options: Options) -> int | None:
    asked_for = payload.setting_clip_skip
    return options.clip_skip if asked_for is None else asked_for


def _vae(
    payload: Payload, options: Options, card: ModelCard
) -> tuple[str | None, tuple[Note, ...]]:
    """The autoencoder for this request, and what is to be said of it: one that there is none of is
    the model's own, as in AUTOMATIC1111."""
    if payload.setting_vae is None:
        return fitting(options.vae, card), ()
    field = "override_settings/sd_vae"
    try:
        return vae_named(payload.setting_vae, field, card.vaes), ()
    except ApiError as error:
        detail = f"{error.errors[0].detail}; the model's own was taken"
        return None, (Note(pointer=f"/{field}", detail=detail),)


def _overridden(payload: Payload, options: Options, record: JobRecord) -> Options:
    """The options with what this request has set beside."""
    changed: dict[str, Any] = {}
    if payload.setting_checkpoint:
        changed["model"] = record.request.model
    if payload.setting_clip_skip is not None:
        changed["clip_skip"] = record.request.clip_skip
    if payload.setting_vae is not None:
        changed["vae"] = record.request.vae
    if payload.setting_format is not None:
        changed["samples_format"] = payload.setting_format
    return options.model_copy(update=changed)
