"""Request bodies: the right type, JSON and nothing but JSON, before any view looks at them."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, current_app, request
from flask.json.provider import DefaultJSONProvider
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from jobs.request import FieldError, InvalidRequest
from server.errors import ApiError

JSON = "application/json"


class StrictJSON(DefaultJSONProvider):
    """JSON as RFC 8259 has it, but for NaN and Infinity, which the field that has them refuses.

    Unlike the standard library's parser it refuses half surrogates, numbers of thousands of
    digits and endless nesting with a ValueError that says where.
    """

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a JSON text."""
        return from_json(s, allow_inf_nan=True)


class JSONRequest(Request):
    """A request whose broken JSON is answered with the place where it breaks."""

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Refuse the body."""
        if e is None:
            raise ApiError(415, "unsupported-media-type", f"send the body as {JSON}")
        detail = f"the body is not JSON: {e}"
        raise ApiError(400, "bad-json", detail, errors=[FieldError(pointer="", detail=detail)])


def init_app(app: Flask) -> None:
    """Check the body of each request that should have one."""
    app.request_class = JSONRequest
    app.json = StrictJSON(app)
    app.before_request(_check)


def _check() -> None:
    if request.method not in ("POST", "PUT", "PATCH") or not takes_json():
        return
    if request.mimetype != JSON:
        sent = request.mimetype or "none"
        detail = f"send the body as {JSON}; the Content-Type was {sent[:60]}"
        raise ApiError(415, "unsupported-media-type", detail, headers={"Accept-Post": JSON})
    try:
        request.get_data()
        if request.content_length is None:
            # A body in chunks was cut off at the limit, and this read says so.
            request.stream.read(1)
        value = request.get_json()
    except RequestEntityTooLarge as error:
        detail = f"the body may have at most {request.max_content_length} bytes"
        raise ApiError(413, "request-entity-too-large", detail) from error
    if not isinstance(value, dict):
        detail = "must be a JSON object"
        raise InvalidRequest([FieldError(pointer="", detail=detail)])


def takes_json() -> bool:
    """Whether this request's view reads a JSON body, by having a parameter of that name."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and "body" in view.__annotations__
