"""Pictures of what a model or an add-on makes."""

from __future__ import annotations

from flask import Response, request
from pydantic import ConfigDict, Field

from jobs.additions import previews
from jobs.additions.found import Kind
from jobs.pictures import sandbox
from jobs.pictures.pictures import BadPicture
from jobs.records.workers import offered_models
from jobs.request.request import FieldError, InvalidRequest
from jobs.settings import settings
from server.door.auth import require_admin
from server.errors import ApiError
from server.openapi import Parameters, Routes, content
from server.outages import StoreAway
from server.pages.renditions import Format, current_renditions
from server.requests.body import picture_body
from server.resources import resources
from server.routes.models.changes import AddOnPath, ModelPath

routes = Routes("previews", "Pictures of what models and add-ons make.")

TYPES = ("image/webp", "image/png", "image/jpeg")

PICTURE = content("The picture.", *TYPES, schema={"type": "string", "format": "binary"})


class PreviewQuery(Parameters):
    """How the picture is wanted."""

    model_config = ConfigDict(extra="forbid")

    format: Format = "webp"
    width: int | None = Field(
        None, ge=1, le=settings().max_size, description="Width in pixels at most."
    )


@routes.get("/models/<model>/preview", {200: PICTURE, 304: {}}, (404, 422))
def get_preview(path: ModelPath, query: PreviewQuery) -> Response:
    """Get a model's preview"""
    return _get("model", path.model, query)


@routes.put("/models/<model>/preview", {204: None}, (404, 408, 413, 415, 422))
def set_preview(path: ModelPath) -> Response:
    """Set a model's preview

    The body is the picture. An admin may.
    """
    require_admin()
    if all(card.name != path.model for card in offered_models(resources().redis)):
        raise _unknown(path.model)
    return _set("model", path.model)


@routes.delete("/models/<model>/preview", {204: None}, ())
def delete_preview(path: ModelPath) -> Response:
    """Delete a model's preview

    An admin may.
    """
    require_admin()
    return _delete("model", path.model)


@routes.get("/models/add-ons/<kind>/<add_on>/preview", {200: PICTURE, 304: {}}, (404, 422))
def get_add_on_preview(path: AddOnPath, query: PreviewQuery) -> Response:
    """Get an add-on's preview"""
    return _get(path.kind, path.add_on, query)


@routes.put("/models/add-ons/<kind>/<add_on>/preview", {204: None}, (404, 408, 413, 415, 422))
def set_add_on_preview(path: AddOnPath) -> Response:
    """Set an add-on's preview

    The body is the picture. An admin may.
    """
    require_admin()
    cards = offered_models(resources().redis)
    lists = [getattr(card, f"{path.kind}s", []) for card in cards]
    if all(each.name != path.add_on for found in lists for each in found) and path.kind != "vae":
        raise _unknown(path.add_on)
    return _set(path.kind, path.add_on)


@routes.delete("/models/add-ons/<kind>/<add_on>/preview", {204: None}, (422,))
def delete_add_on_preview(path: AddOnPath) -> Response:
    """Delete an add-on's preview

    An admin may.
    """
    require_admin()
    return _delete(path.kind, path.add_on)


def _get(kind: Kind, name: str, query: PreviewQuery) -> Response:
    image = previews.find(resources().redis, kind, name)
    if image is None:
        raise ApiError(404, "not-found", f"{name[:64]!r} has no preview")
    try:
        data = current_renditions().get(image, query.format, query.width)
    except FileNotFoundError:
        raise ApiError(404, "not-found", f"{name[:64]!r} has no preview") from None
    except OSError as error:
        raise StoreAway from error
    response = Response(data, content_type=f"image/{query.format}")
    response.set_etag(f"{image}.{query.width or 'full'}.{query.format}")
    # The same name may have another picture at any time.
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def _set(kind: Kind, name: str) -> Response:
    try:
        png = sandbox.decode(picture_body(), "picture").png
    except BadPicture as error:
        raise InvalidRequest([FieldError(pointer="", detail=str(error))]) from None
    here = resources()
    try:
        before = previews.find(here.redis, kind, name)
        previews.keep(here.redis, here.store, kind, name, png)
    except OSError as error:
        raise StoreAway from error
    if before:
        current_renditions().forget(before)
    return Response(status=204)


def _delete(kind: Kind, name: str) -> Response:
    here = resources()
    try:
        image = previews.drop(here.redis, here.store, kind, name)
    except OSError as error:
        raise StoreAway from error
    if image:
        current_renditions().forget(image)
    return Response(status=204)


def _unknown(name: str) -> ApiError:
    return ApiError(404, "not-found", f"nothing of that kind is named {name[:64]!r}")
