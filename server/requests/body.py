"""Request bodies: whatever type they come in, a view gets one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Request, current_app, request
from flask.json.provider import DefaultJSONProvider
from pydantic_core import from_json

from jobs.recipes.recipes import recipe_of
from jobs.records.workers import offered_models
from jobs.request.notes import Note
from jobs.request.request import FieldError, InvalidRequest
from server.door.auth import is_public
from server.errors import ApiError
from server.requests import multipart
from server.resources import resources

JSON = "application/json"

PICTURES = ("image/png", "image/jpeg", "image/webp")
"""A body that is a picture repeats its recipe."""

MISNAMED = {"image/jpg": "image/jpeg", "image/x-png": "image/png"}
"""Types that there are none of, and what is meant by them."""

TYPES = (JSON, multipart.TYPE, *PICTURES)


class StrictJSON(DefaultJSONProvider):
    """JSON as RFC 8259 has it, but for NaN and Infinity, which the field that has them refuses.

    Unlike the standard library's parser it refuses half surrogates, numbers of thousands of
    digits and endless nesting with a ValueError that says where.
    """

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a JSON text, which may be in UTF-16 or UTF-32 and begin with a mark: some
        programs send it so."""
        if isinstance(s, bytes) and (encoding := json.detect_encoding(s)) != "utf-8":
            s = s.decode(encoding)
        return from_json(s, allow_inf_nan=True)


@dataclass(frozen=True)
class Body:
    """A request's body: its fields, the files that came with them, and what tells it from others.

    `parts` has the bytes of each file by the JSON pointer of the field that it is for, `notes` what
    of a picture's recipe is in no field.
    """

    fields: dict[str, Any]
    identity: bytes
    parts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    notes: list[Note] = field(default_factory=list[Note])


class BodyRequest(Request):
    """A request whose broken body is answered with the place where it breaks."""

    form_data_parser_class = multipart.Parser
    body: Body | None = None

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body's fields, as soon as they were read from it."""
        if self.body is not None:
            return self.body.fields
        return super().get_json(force=force, silent=silent, cache=cache)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Refuse the body."""
        if e is None:
            raise _unsupported()
        detail = f"the body is not JSON: {e}"
        raise ApiError(400, "bad-json", detail, errors=[FieldError(pointer="", detail=detail)])


def init_app(app: Flask) -> None:
    """Read the body of each request that should have one."""
    app.request_class = BodyRequest
    app.json = StrictJSON(app)
    # A picture may come as a text part, a data URI; the whole body's limit holds for it as well.
    app.config["MAX_FORM_MEMORY_SIZE"] = None
    app.before_request(_read_body)


def request_body() -> Body:
    """The body of this request, for a view that takes one."""
    body = cast("BodyRequest", request).body
    if body is None:
        raise LookupError("this view takes no body")
    return body


def picture_body() -> bytes:
    """The picture that is all of this request's body, for a view that takes nothing else."""
    if _type() not in PICTURES:
        raise _unsupported(PICTURES)
    return _data()


def _read_body() -> None:
    if request.method not in ("POST", "PUT", "PATCH") or not _takes_body():
        return
    _refuse_compressed()
    if request.mimetype == JSON:
        body = _from_json()
    elif is_public():
        # Nothing of whom nobody knows gets as far as the decoders.
        raise _unsupported()
    elif request.mimetype == multipart.TYPE:
        fields, parts, identity = multipart.read(request)
        body = Body(fields, identity, parts)
    elif _type() in PICTURES:
        data = _data()
        notes: list[Note] = []
        fields = recipe_of(data, offered_models(resources().redis), notes)
        body = Body(fields, data, notes=notes)
    else:
        raise _unsupported()
    cast("BodyRequest", request).body = body


def _from_json() -> Body:
    data = _data()
    value = request.get_json()
    if not isinstance(value, dict):
        raise InvalidRequest([FieldError(pointer="", detail="must be a JSON object")])
    return Body(cast("dict[str, Any]", value), data)


def _data() -> bytes:
    data = request.get_data()
    if request.content_length is None:
        # A body in chunks was cut off at the limit, and this read says so.
        request.stream.read(1)
    return data


def _type() -> str:
    """The type that the body is said to have, by its right name."""
    return MISNAMED.get(request.mimetype, request.mimetype)


def _refuse_compressed() -> None:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        detail = f"send the body as it is; it has the Content-Encoding {encoding[:60]}"
        headers = {"Accept-Encoding": "identity"}
        raise ApiError(415, "unsupported-media-type", detail, headers=headers)


def _unsupported(types: Sequence[str] = TYPES) -> ApiError:
    sent = (request.mimetype or "none")[:60]
    detail = f"send the body as {', '.join(types[:-1])} or {types[-1]}; the Content-Type was {sent}"
    headers = {"Accept-Post": ", ".join(types)}
    return ApiError(415, "unsupported-media-type", detail, headers=headers)


def _takes_body() -> bool:
    """Whether this request's view reads a body, by having a parameter of that name."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and "body" in view.__annotations__
