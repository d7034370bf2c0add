"""The `extras` tab of AUTOMATIC1111: pictures enlarged, each by a job of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from flask import Blueprint, Response, jsonify
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.pictures.sandbox import Decoded
from jobs.recipes.provenance import PNG_KEYWORD
from jobs.request.checks.checks import BUILT_IN_UPSCALERS
from jobs.request.fields.parts import RestoreFaces
from jobs.request.fields.values import ENLARGED, LIMITS
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from server.compat import waiting
from server.compat.a1111.add_ons import add_ons, upscalers
from server.compat.a1111.base64 import decode_picture, encode_base64
from server.compat.a1111.body import Flag, Forgiving, Number, Text, Whole, json_object, read
from server.compat.a1111.callers import identity
from server.compat.a1111.errors import invalid
from server.compat.a1111.face_restorers import GFPGAN, restoring
from server.compat.a1111.generation.held import make
from server.compat.a1111.generation.translation import sentences
from server.compat.a1111.upscaling import LANCZOS, NO_UPSCALER, upscaler_named
from server.errors import ApiError
from server.requests.submission import known_models
from server.requests.validation import field_errors

BY_FACTOR = 0
TO_SIZE = 1
"""Values of resize_mode."""

FACTOR = 2.0
SIDE = 512
"""AUTOMATIC1111's own, where a field is left out."""

blueprint = Blueprint("a1111_extras", __name__, url_prefix="/sdapi/v1")


class Extras(Forgiving):
    """How pictures are to be enlarged."""

    resize_mode: Whole = None
    upscaling_resize: Number = None
    upscaling_resize_w: Whole = None
    upscaling_resize_h: Whole = None
    upscaling_crop: Flag = None
    upscaler_1: Text = None
    upscaler_2: Text = None
    extras_upscaler_2_visibility: Number = None
    gfpgan_visibility: Number = None
    codeformer_visibility: Number = None


class ExtraSingle(Extras):
    """The body of extra-single-image."""

    image: str


class BatchPicture(BaseModel):
    """One picture of several."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    data: str = ""


class ExtraBatch(Extras):
    """The body of extra-batch-images."""

    image_list: list[BatchPicture] = Field(alias="imageList")


@dataclass(frozen=True)
class Enlargement:
    """How one picture is to be enlarged, what of the result is wanted (all of it, if None), how
    much its faces are restored, and which field its size comes from."""

    upscaler: str
    scale: float
    crop: tuple[int, int] | None = None
    faces: RestoreFaces | None = None
    sized_by: str = "upscaling_resize"


@blueprint.post("/extra-single-image")
def extra_single_image() -> Response:
    """A picture, enlarged."""
    sent = read(ExtraSingle, json_object())
    (image,), notes = _enlarged(sent, {"image": sent.image})
    return jsonify(image=encode_base64(image), html_info=_html(notes))


@blueprint.post("/extra-batch-images")
def extra_batch_images() -> Response:
    """Several pictures, each enlarged in the same way."""
    sent = read(ExtraBatch, json_object())
    if not 1 <= len(sent.image_list) <= LIMITS.max_count:
        detail = f"must be 1 to {LIMITS.max_count} pictures; there are {len(sent.image_list)}"
        raise invalid("imageList", detail)
    texts = {f"imageList/{index}/data": each.data for index, each in enumerate(sent.image_list)}
    made, notes = _enlarged(sent, texts)
    return jsonify(images=[encode_base64(image) for image in made], html_info=_html(notes))


def _html(notes: list[Note]) -> str:
    """What was done otherwise than asked, where AUTOMATIC1111 says how a picture was made."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences(notes))


def _enlarged(sent: Extras, texts: Mapping[str, str]) -> tuple[list[bytes], list[Note]]:
    """PNGs of the pictures, sent in base64 in these fields, after all that is asked for; and what
    was done otherwise."""
    notes = _left_out(sent)
    upscaler, faces = _upscaler(sent, notes), _faces(sent, notes)
    pictures = {field: decode_picture(text, field) for field, text in texts.items()}
    if upscaler is None and faces is None:
        return [picture.png for picture in pictures.values()], notes
    # Each is checked before the first is sent.
    wanted = {
        field: replace(_enlargement(sent, upscaler, each), faces=faces)
        for field, each in pictures.items()
    }
    made = [_made(how, pictures[field].png, field, notes) for field, how in wanted.items()]
    return made, notes


def _left_out(sent: Extras) -> list[Note]:
    """What is not done here. Raises a 422 where that would make another picture."""
    notes: list[Note] = []
    if sent.codeformer_visibility:
        notes.append(Note(pointer="/codeformer_visibility", detail="there is no CodeFormer here"))
    if sent.extras_upscaler_2_visibility and sent.upscaler_2 not in (None, NO_UPSCALER):
        detail = "must be 0: one upscaler enlarges a picture here, no blend of two"
        raise invalid("extras_upscaler_2_visibility", detail)
    if sent.resize_mode not in (None, BY_FACTOR, TO_SIZE):
        detail = f"must be 0, by a factor, or 1, to a size; it is {sent.resize_mode}"
        raise invalid("resize_mode", detail)
    return notes


def _upscaler(sent: Extras, notes: list[Note]) -> str | None:
    """Our name of the upscaler; None leaves pictures as they are."""
    asked = (sent.upscaler_1 or NO_UPSCALER).strip()
    if asked.lower() == NO_UPSCALER.lower():
        return None
    return upscaler_named(asked, "upscaler_1", upscalers(), notes)


def _faces(sent: Extras, notes: list[Note]) -> RestoreFaces | None:
    """`restore_faces` of a request of ours."""
    seen = min(1.0, sent.gfpgan_visibility or 0.0)
    if seen <= 0:
        return None
    known = add_ons(lambda card: card.face_restorers)
    return restoring(GFPGAN, "gfpgan_visibility", known, notes, seen)


def _enlargement(sent: Extras, upscaler: str | None, picture: Decoded) -> Enlargement:
    if upscaler is None:
        return Enlargement(LANCZOS.lower(), 1.0)
    if (sent.resize_mode or BY_FACTOR) == BY_FACTOR:
        return Enlargement(upscaler, sent.upscaling_resize or FACTOR)
    width, height = sent.upscaling_resize_w or SIDE, sent.upscaling_resize_h or SIDE
    for field, side in (("upscaling_resize_w", width), ("upscaling_resize_h", height)):
        if not 0 < side <= ENLARGED.side:
            raise invalid(field, f"must be from 1 to {ENLARGED.side}; it is {side}")
    scale = max(width / picture.width, height / picture.height)
    if scale < 1:
        detail = (
            f"pictures are not made smaller here: {width}x{height} is less than the picture's "
            f"{picture.width}x{picture.height}"
        )
        raise invalid("upscaling_resize_w", detail)
    crop = sent.upscaling_crop is None or sent.upscaling_crop
    larger = "upscaling_resize_w" if scale == width / picture.width else "upscaling_resize_h"
    return Enlargement(upscaler, scale, (width, height) if crop else None, sized_by=larger)


def _made(how: Enlargement, png: bytes, field: str, notes: list[Note]) -> bytes:
    """The enlarged picture, once its job has ended. Raises what the client is to be told."""
    cards = known_models()
    try:
        request = GenerationRequest(
            kind="upscale",
            model=_model(how.upscaler, cards),
            image="sent",
            upscaler=how.upscaler,
            scale=how.scale,
            restore_faces=how.faces,
            # Enlarged and no more: nothing is drawn into it.
            strength=0.0,
        )
        record = make(request, {"/image": png}, cards, identity(), notes)
    except ValidationError as error:
        raise _renamed(field_errors(error), field, how.sized_by) from None
    except InvalidRequest as error:
        raise _renamed(error.errors, field, how.sized_by) from None
    if record.status == "canceled":
        raise ApiError(500, "canceled", "it was interrupted, so there is no picture")
    (png,) = waiting.pictures(record)
    return _cropped(png, how.crop) if how.crop else png


def _model(upscaler: str, cards: list[ModelCard]) -> str | None:
    """A model that enlarges with this upscaler; None leaves it to be refused."""
    for card in cards:
        has_it = upscaler in BUILT_IN_UPSCALERS or upscaler in (
            each.name for each in card.upscalers
        )
        if has_it and "upscale" in card.kinds:
            return card.name
    return None


def _cropped(png: bytes, size: tuple[int, int]) -> bytes:
    """The middle of a picture, with what says that a machine made it and without its recipe,
    which is that of the whole."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        if picture.size == size:
            return png
        left, top = (picture.width - size[0]) // 2, (picture.height - size[1]) // 2
        middle = picture.crop((left, top, left + size[0], top + size[1]))
        texts = PngInfo()
        if isinstance(xmp := picture.info.get("xmp"), bytes):
            texts.add_itxt(PNG_KEYWORD, xmp.decode("utf-8", errors="replace"))
        out = io.BytesIO()
        middle.info = {}
        middle.save(out, "PNG", pnginfo=texts)
        return out.getvalue()


def _renamed(errors: list[FieldError], field: str, size: str) -> InvalidRequest:
    """Errors by the names that the client sent the fields by."""
    names: dict[str, Any] = {
        "/image": f"/{field}",
        "/width": f"/{size}",
        "/scale": f"/{size}",
        "/upscaler": "/upscaler_1",
        "/kind": "/upscaler_1",
        "/model": "/upscaler_1",
    }
    return InvalidRequest(
        [
            FieldError(pointer=names.get(each.pointer, each.pointer), detail=each.detail)
            for each in errors
        ]
    )
