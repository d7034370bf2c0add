"""txt2img and img2img: a job like any other, waited for, in AUTOMATIC1111's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from jobs.queue import queue
from jobs.queue.events import Output, OutputEvent, job_stream
from jobs.queue.record import JobRecord
from jobs.request.model_card import ModelCard
from jobs.request.request import InvalidRequest
from server.compat import waiting
from server.compat.a1111.answer import answer
from server.compat.a1111.callers import Identity, Options, chosen_model, identity
from server.compat.a1111.errors import invalid
from server.compat.a1111.held import ended
from server.compat.a1111.models import checkpoint_title, find_checkpoint
from server.compat.a1111.payload import ImageToImage, Payload, TextToImage, json_object, read
from server.compat.a1111.translation import Asked, asked, renamed
from server.requests.submission import known_models, submit
from server.streams.hub import current_hub
from server.streams.stream_ids import START

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
    cards, who = known_models(), identity()
    options = who.options()
    card = _checkpoint(payload, cards) or chosen_model(options, cards)
    clip_skip = _clip_skip(payload, options)
    record = _made(asked(payload, card, clip_skip), cards, who)
    if payload.override_settings_restore_afterwards is False:
        who.set_options(_overridden(payload, options, record))
    record = replace(record, outputs=_outputs(record))
    made = list(zip(record.outputs, waiting.pictures(record), strict=True))
    return answer(record, made, payload, sent, card)


def _made(what: Asked, cards: list[ModelCard], who: Identity) -> JobRecord:
    """The job once it has ended, canceled or not. Raises what the client is to be told."""
    job_id = queue.new_job_id()
    who.begins(job_id)
    try:
        record = submit(what.request, what.parts, cards=cards, job_id=job_id)
    except InvalidRequest as error:
        who.forget(job_id)
        raise renamed(error) from None
    except Exception:
        who.forget(job_id)
        raise
    return ended(record, who)


def _outputs(record: JobRecord) -> list[Output]:
    """The pictures of a job; of one that was interrupted those that were done by then."""
    if record.status != "canceled":
        return record.outputs
    history = current_hub().history(job_stream(record.id), START)
    events = [entry.event for entry in history]
    done = {each.output.id: each.output for each in events if isinstance(each, OutputEvent)}
    return [done[image] for image in sorted(done, key=lambda image: (len(image), image))]


def _checkpoint(payload: Payload, cards: list[ModelCard]) -> ModelCard | None:
    """The model for this request alone. Raises a 422 where there is no such model."""
    asked_for = payload.setting_checkpoint
    if asked_for is None or asked_for == "":
        return None
    return checkpoint_named(asked_for, "override_settings/sd_model_checkpoint", cards)


def checkpoint_named(text: object, field: str, cards: list[ModelCard]) -> ModelCard:
    """The model that a client names. Raises a 422 that says which there are."""
    card = find_checkpoint(text, cards) if isinstance(text, str) else None
    if card is None:
        there_are = ", ".join(map(checkpoint_title, cards))
        raise invalid(field, f"no model is named {str(text)[:60]!r}; there are: {there_are}")
    return card


def _clip_skip(payload: Payload, options: Options) -> object:
    asked_for = payload.setting_clip_skip
    return options.clip_skip if asked_for is None else asked_for


def _overridden(payload: Payload, options: Options, record: JobRecord) -> Options:
    """The options with what this request has set beside."""
    changed: dict[str, Any] = {}
    if payload.setting_checkpoint:
        changed["model"] = record.request.model
    if payload.setting_clip_skip is not None:
        changed["clip_skip"] = record.request.clip_skip
    return options.model_copy(update=changed)
