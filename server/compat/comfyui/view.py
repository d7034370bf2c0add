"""Pictures by their names, whole or as a preview, and pictures that come in."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from PIL import Image
from pydantic_core import from_json

from jobs.pictures import sandbox
from jobs.pictures.pictures import BadPicture
from server.compat.comfyui.files import named, open_file
from server.compat.comfyui.graph.pixels import Loaded, with_alpha_of
from server.compat.comfyui.inputs import current_inputs
from server.compat.pictures import TURNS
from server.errors import ApiError

QUALITY = 90

TYPES = {"webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png"}

blueprint = Blueprint("comfyui_view", __name__)


@blueprint.get("/view")
def view() -> Response:
    """A picture: as it is, or by `preview` in another format, or by `channel` a part of it."""
    filename = request.args.get("filename", "")
    subfolder, type = request.args.get("subfolder", ""), request.args.get("type") or "output"
    name, type = named(filename, subfolder, type)
    loaded = open_file(current_inputs(), name, type)
    channel = request.args.get("channel", "rgba")
    if "preview" in request.args:
        with TURNS.take(object()):
            data, format = _preview(loaded, request.args["preview"], channel)
    elif channel in ("rgb", "a"):
        with TURNS.take(object()):
            data, format = _channel(loaded, channel), "png"
    else:
        data, format = loaded.png, "png"
    response = Response(data, content_type=TYPES[format])
    shown = quote(name.rpartition("/")[2].rpartition(".")[0])
    response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{shown}.{format}"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _preview(loaded: Loaded, wanted: str, channel: str) -> tuple[bytes, str]:
    """The picture in WebP or JPEG, at a quality: `webp;90`."""
    format, _, rest = wanted.partition(";")
    if format not in ("webp", "jpeg") or "a" in request.args.get("channel", ""):
        format = "webp"
    last = rest.rpartition(";")[2]
    quality = min(100, max(1, int(last))) if last.isdecimal() and len(last) < 4 else QUALITY
    with Image.open(io.BytesIO(loaded.png), formats=["PNG"]) as source:
        picture = source.convert("RGB") if format == "jpeg" or channel == "rgb" else source.copy()
    return _encoded(picture, format, quality=quality), format


def _channel(loaded: Loaded, channel: str) -> bytes:
    """Its colours alone, or its transparency alone."""
    with Image.open(io.BytesIO(loaded.png), formats=["PNG"]) as picture:
        if channel == "rgb":
            return _encoded(picture.convert("RGB"), "png")
        alpha = picture.convert("RGBA").getchannel("A")
        alone = Image.new("RGBA", picture.size)
        alone.putalpha(alpha)
        return _encoded(alone, "png")


def _encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.info = {}
    picture.save(out, format, **options)
    return out.getvalue()


@blueprint.post("/upload/image")
def upload_image() -> Response:
    """Keep a picture to start from."""
    return _kept(_file())


@blueprint.post("/upload/mask")
def upload_mask() -> Response:
    """Keep a picture that was sent or made before, transparent where this one is."""
    try:
        reference: Any = from_json(request.form.get("original_ref", ""))
        name, type = named(
            str(reference["filename"]),
            str(reference.get("subfolder") or ""),
            str(reference.get("type") or "output"),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = "original_ref: must be JSON with the filename of the picture that the mask is for"
        raise ApiError(400, "invalid-request", detail) from None
    original = open_file(current_inputs(), name, type)
    try:
        opened = sandbox.decode(_file(), "whole")
        return _kept(with_alpha_of(original, Loaded(opened.png, opened.width, opened.height)))
    except ValueError as error:
        raise ApiError(400, "bad-picture", f"image: {error}") from None


def _file() -> bytes:
    sent = request.files.get("image")
    if sent is None or not sent.filename:
        raise ApiError(400, "invalid-request", "image: send the picture as a file with a name")
    return sent.read()


def _kept(data: bytes) -> Response:
    sent, form = request.files["image"], request.form
    type, subfolder = form.get("type") or "input", form.get("subfolder", "")
    name, type = named(sent.filename or "", subfolder, type)
    if type == "output":
        raise ApiError(400, "invalid-request", "type: pictures are sent to input or temp")
    overwrite = form.get("overwrite", "").lower() in ("1", "true")
    try:
        name = current_inputs().keep(name, data, overwrite=overwrite)
    except BadPicture as error:
        raise ApiError(400, "bad-picture", f"image: {error}") from None
    folder, _, bare = name.rpartition("/")
    return jsonify(name=bare, subfolder=folder, type="input")
