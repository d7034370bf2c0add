"""Generations, edits and variations: a job each, waited for or followed."""

from __future__ import annotations

import base64
from typing import Any

from flask import Blueprint, Response, jsonify

from jobs.pictures.pictures import BadPicture
from jobs.records.events import Output
from jobs.records.record import JobRecord
from jobs.request.model_card import Kind
from jobs.request.notes import Note
from server.compat import waiting
from server.compat.editing import change_of
from server.compat.openai import stream
from server.compat.openai.beside import SIZES, notes_of, usage
from server.compat.openai.errors import accepted, given_up, invalid
from server.compat.openai.fields import ImageFields, files_of, from_form, from_json, missing
from server.compat.openai.models import card_named
from server.compat.pictures import mask_of_transparency
from server.compat.waiting import TooManyWaiting, unfinished
from server.requests.submission import known_models, submit
from server.views import current_views, public_base

PATIENCE = 590.0
"""Seconds that a request is held: the client gives up after 600, and sends it again."""

blueprint = Blueprint("openai_images", __name__, url_prefix="/v1/images")


@blueprint.post("/generations")
def generate() -> Response:
    """Pictures from a prompt."""
    fields = from_json()
    if not (fields.prompt or "").strip():
        raise missing("prompt", "it says what to draw")
    return _make("text-to-image", fields, {}, "image_generation")


@blueprint.post("/edits")
def edit() -> Response:
    """Pictures changed as a prompt says; with a mask one, and only where that is transparent."""
    fields = from_form()
    if fields.prompt is None:
        raise missing("prompt", "it says what the picture is to become")
    if files_of("markup"):
        raise invalid("markup", "is not done here; a mask says where to repaint")
    pictures = _pictures()
    cards = known_models()
    card = card_named(fields.model, cards)
    if masks := files_of("mask"):
        picture, notes = _first(pictures)
        parts = {"/image": picture, "/mask": _mask(masks)}
        return _make("inpaint", fields, parts, "image_edit", notes)
    change = change_of(
        len(pictures),
        card,
        cards,
        prompt=fields.prompt,
        field="image",
        strength=fields.strength,
    )
    parts = {"/image": pictures[0]}
    more = pictures[1 : change.pictures]
    parts |= {f"/references/{index}": each for index, each in enumerate(more)}
    fields = fields.model_copy(update={"strength": change.strength})
    return _make(change.kind, fields, parts, "image_edit", change.notes)


@blueprint.post("/variations")
def vary() -> Response:
    """Pictures like one that was sent."""
    picture, notes = _first(_pictures())
    return _make("variations", from_form(), {"/image": picture}, "image_edit", notes)


def _make(
    kind: Kind,
    fields: ImageFields,
    parts: dict[str, bytes],
    event: str,
    notes: tuple[Note, ...] = (),
) -> Response:
    cards = known_models()
    asked = fields.generation(kind, card_named(fields.model, cards), parts.keys())
    record = submit(asked, parts, cards=cards, notes=[*fields.notes, *notes])
    accepted(record)
    try:
        if fields.stream:
            return stream.respond(record, fields, event)
        record = waiting.wait(record, PATIENCE)
    except TooManyWaiting:
        given_up()
        raise
    if record.status != "succeeded":
        raise unfinished(record)
    return jsonify(_answer(record, fields))


def _answer(record: JobRecord, fields: ImageFields) -> dict[str, Any]:
    if fields.wants_url:
        data = [{"url": _url(output, fields)} for output in record.outputs]
    else:
        data = [
            {"b64_json": base64.b64encode(fields.encoded(png)).decode()}
            for png in waiting.pictures(record)
        ]
    return {
        "created": int(record.created_at.timestamp()),
        "background": "opaque",
        "output_format": fields.output_format,
        **_size(record.outputs[0]),
        "usage": usage(record.outputs),
        **notes_of(record),
        # Ours beside OpenAI's: the seed makes this very picture again.
        "data": [
            each | {"seed": output.seed} | _revised(output)
            for each, output in zip(data, record.outputs, strict=True)
        ],
    }


def _size(output: Output) -> dict[str, str]:
    """The size where OpenAI has it: strict clients take no other, and it may be left out."""
    size = f"{output.width}x{output.height}"
    return {"size": size} if size in SIZES else {}


def _revised(output: Output) -> dict[str, str]:
    """What the prompt was read as, where the model has its own words for it."""
    return {"revised_prompt": output.read_as} if output.read_as else {}


def _url(output: Output, fields: ImageFields) -> str:
    url = public_base() + current_views().output(output).url
    return url if fields.output_format == "png" else f"{url}&format={fields.output_format}"


def _pictures() -> list[bytes]:
    """The pictures to start from. Raises where there is none."""
    files = files_of("image")
    if not files:
        raise missing("image", "send the picture as a file")
    return files


def _first(pictures: list[bytes]) -> tuple[bytes, tuple[Note, ...]]:
    """The picture of which a part is made anew, or others like it; of several the first, as a note
    says."""
    if len(pictures) == 1:
        return pictures[0], ()
    detail = f"this is done to one picture: the first of the {len(pictures)} counted"
    return pictures[0], (Note(pointer="/image", detail=detail),)


def _mask(files: list[bytes]) -> bytes:
    """The mask as a job has it, white where to repaint. Raises a 400."""
    if len(files) > 1:
        raise invalid("mask", f"must be one picture; there are {len(files)}")
    try:
        mask = mask_of_transparency(files[0])
    except BadPicture as error:
        raise invalid("mask", str(error)) from error
    if mask is None:
        raise invalid("mask", "must be transparent where to repaint; it is opaque everywhere")
    return mask
