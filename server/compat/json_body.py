"""JSON bodies of clients that say any type of them, or the one that curl says of what it sends."""

from __future__ import annotations

from typing import Any, cast

from flask import request

from server.errors import ApiError


def json_object() -> dict[str, Any]:
    """The request's body, whatever type it is said to be. Raises a 400, 408 or 413."""
    value = request.get_json(force=True)
    if request.content_length is None:
        # A body in chunks was cut off at the limit, and this read says so.
        request.stream.read(1)
    if not isinstance(value, dict):
        raise ApiError(400, "invalid-request", "the body must be a JSON object")
    return cast("dict[str, Any]", value)
