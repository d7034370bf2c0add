"""Pictures by id: as stored, or as a phone wants them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from io import BytesIO

from flask import Response, render_template, request
from pydantic import BaseModel, ConfigDict, Field

from jobs.collections import albums
from jobs.pictures import traces, walks
from jobs.pictures.image_store import ANIMATIONS, TENSORS, job_of
from jobs.queue import queue
from jobs.records.events import ENDED
from jobs.request.pictures import named_pictures
from jobs.sentences import say
from jobs.settings import settings
from server.door.auth import caller
from server.door.signing import current_signer
from server.errors import ApiError
from server.openapi import PREFIX, Parameters, Routes, content, response
from server.outages import StoreAway
from server.pages.linked import linked_page
from server.pages.renditions import Format, current_renditions
from server.requests.named import find_job, is_of_own_job, is_own_picture
from server.requests.reaching import drawn, reachable_base
from server.resources import resources

FOREVER = "private, max-age=31536000, immutable"
"""A picture never changes; not for shared caches, since its URL is the key to it."""

TYPES = ("image/png", "image/jpeg", "image/webp")

routes = Routes("images", "Pictures that were made, and those that they started from.")


class ImagePath(BaseModel):
    """A picture in the path."""

    image_id: str = Field(description="Id of the picture, as in a job's outputs or pictures.")


class ImageQuery(Parameters):
    """How the picture is wanted, and the signature of its URL."""

    model_config = ConfigDict(extra="forbid")

    format: Format = Field("png", description="`png` is the picture as it was stored.")
    width: int | None = Field(
        None,
        ge=1,
        le=settings().max_size,
        description="Width in pixels at most; the height follows. Nothing is enlarged. "
        "Made are powers of two and what is halfway between two.",
    )
    download: bool = Field(False, description="Save it as a file instead of showing it.")
    expires: int | None = Field(None, description="Part of the signature.", ge=0, lt=2**53)
    plain: bool = Field(
        False, description="Without its recipe, as a link for others has it: part of the signature."
    )
    signature: str | None = Field(None, description="Part of the signature.", max_length=128)


class LinkRequest(BaseModel):
    """For how long."""

    model_config = ConfigDict(extra="forbid")

    hours: int = Field(24, ge=1, le=24 * 30, description="Hours until the link ends.")


class LinkView(BaseModel):
    """A picture's public link."""

    url: str = Field(description="Where the picture is, for whoever has this, until it ends.")
    qr: str = Field(description="The same as a QR code, an SVG, dark on light.")
    expires_at: datetime


@routes.get(
    "/images/<image_id>",
    {
        200: content("The picture.", *TYPES, schema={"type": "string", "format": "binary"}),
        206: content("A part of it.", *TYPES, schema={"type": "string", "format": "binary"}),
        304: {"description": "You have it: If-None-Match is its ETag."},
    },
    (403, 404, 416, 422, 503),
)
def get_image(path: ImagePath, query: ImageQuery) -> Response:
    """Get a picture

    With `Range`, a part of it; with `If-None-Match`, 304 if it is the one you have. A browser that
    opens a link which was made for others gets a page that shows it.
    """
    opened = "text/html" in request.headers.get("Accept", "")
    try:
        _check(path.image_id, query)
    except ApiError as refusal:
        # Somebody was sent this address and opens it: no program, that would read the problem.
        if refusal.status != 403 or not opened:
            raise
        return _page(render_template("ended.html"), 403)
    if TENSORS.fullmatch(path.image_id):
        return _as_kept(path.image_id, "application/octet-stream", "safetensors", download=True)
    if ANIMATIONS.fullmatch(path.image_id):
        return _as_kept(path.image_id, "image/webp", "webp", download=query.download)
    try:
        made = current_renditions()
        get = made.get_plain if query.plain else made.get
        data = get(path.image_id, query.format, query.width)
        if query.plain and opened and "format" not in request.args:
            return _page(linked_page(reachable_base(), request.full_path, data))
    except FileNotFoundError as error:
        raise _unknown(path.image_id) from error
    except OSError as error:
        raise StoreAway from error
    answer = Response(BytesIO(data), content_type=f"image/{query.format}", direct_passthrough=True)
    answer.content_length = len(data)
    plain = ".plain" if query.plain else ""
    answer.set_etag(f"{path.image_id}.{query.width or 'full'}{plain}.{query.format}")
    answer.headers["Cache-Control"] = FOREVER
    if query.plain:
        answer.headers["Vary"] = "Accept"
    disposition = "attachment" if query.download else "inline"
    suffix = "jpg" if query.format == "jpeg" else query.format
    answer.headers["Content-Disposition"] = (
        f'{disposition}; filename="darkroom-{path.image_id}.{suffix}"'
    )
    # A unit nobody knows is no range at all (RFC 9110, 14.2).
    ranges = request.range is None or request.range.units == "bytes"
    answer.make_conditional(request, accept_ranges=ranges, complete_length=len(data))
    return answer


@routes.delete("/images/<image_id>", {204: None}, (404, 409, 503))
def delete_image(path: ImagePath) -> tuple[str, int]:
    """Delete one picture

    The others of its job stay; of a walk, what shows all of them goes too. What a job started from
    goes with the job alone.
    """
    image = path.image_id
    job_id = job_of(image)
    if job_id is None:
        raise _unknown(image)
    record, here = find_job(job_id), resources()
    if record.status not in ENDED:
        detail = say(
            "job-not-ended",
            "its job is {status}: cancel that, or wait for it",
            status=record.status,
        )
        raise ApiError(409, "not-ended", detail)
    if image in named_pictures(record.request).values():
        raise ApiError(
            409, "in-use", say("picture-in-use", "its job started from it: delete the job")
        )
    if image not in {output.id for output in record.outputs}:
        raise _unknown(image)
    try:
        index = int(image.rpartition("-")[2])
        shown_in = walks.all_ids(job_id) if record.request.walk else []
        for each in (image, *traces.all_ids(job_id, index), *shown_in):
            here.store.delete(each)
            current_renditions().forget(each)
    except OSError as error:
        raise StoreAway from error
    queue.forget_picture(here.redis, job_id, image)
    albums.forget(here.redis, record.owner, [image])
    return "", 204


@routes.post("/images/<image_id>/links", {201: LinkView}, (400, 404, 413, 415, 422, 503))
def create_link(path: ImagePath, body: LinkRequest) -> Response:
    """Make a link that ends

    Whoever has it sees this one picture, without a token, until then; nothing else of yours, nor
    how it was made: the file comes without its recipe.
    """
    if not is_own_picture(path.image_id):
        raise _unknown(path.image_id)
    expires = int(time.time()) + body.hours * 3600
    query = current_signer().query(path.image_id, expires, plain=True)
    url = f"{reachable_base()}{PREFIX}/images/{path.image_id}?{query}"
    view = LinkView(url=url, qr=drawn(url), expires_at=datetime.fromtimestamp(expires, UTC))
    return response(view, 201)


def _page(html: str, status: int = 200) -> Response:
    page = Response(html, status, content_type="text/html; charset=utf-8")
    page.headers["Vary"] = "Accept"
    return page


def _as_kept(image: str, content_type: str, suffix: str, *, download: bool) -> Response:
    """A file that is given as it was kept: a trace's tensors, a walk's animation."""
    try:
        data = resources().store.read(image)
    except FileNotFoundError as error:
        raise _unknown(image) from error
    except OSError as error:
        raise StoreAway from error
    answer = Response(data, content_type=content_type)
    answer.headers["Cache-Control"] = FOREVER
    disposition = "attachment" if download else "inline"
    answer.headers["Content-Disposition"] = f'{disposition}; filename="darkroom-{image}.{suffix}"'
    return answer


def _check(image: str, query: ImageQuery) -> None:
    """Refuse a wrong signature, and without one a picture that is not the caller's."""
    if query.signature is None and query.expires is None:
        # An admin sees also what no record tells the owner of, and all while Redis is away.
        if not caller().is_admin and not is_of_own_job(image):
            raise _unknown(image)
        return
    expires, signature = query.expires or 0, query.signature or ""
    if not current_signer().allows(image, expires, signature, plain=query.plain):
        raise ApiError(403, "bad-signature", "this URL is not valid any more; get the job again")


def _unknown(image: str) -> ApiError:
    detail = say("no-such-picture", "there is no picture {id}", id=repr(image[:64]))
    return ApiError(404, "not-found", detail)
