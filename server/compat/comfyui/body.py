"""Bodies of ComfyUI's clients, whatever type they are said to have."""

from __future__ import annotations

from typing import Any, cast

from flask import request

from server.errors import ApiError


def json_object() -> dict[str, Any]:
    """The request's body. Raises a 400, 408 or 413."""
    value = request.get_json(force=True)
    if request.content_length is None:
        # A body in chunks was cut off at the limit, and this read says so.
        request.stream.read(1)
    if not isinstance(value, dict):
        raise ApiError(400, "invalid-request", "the body must be a JSON object")
    return cast("dict[str, Any]", value)


def sent_ids(sent: dict[str, Any], name: str) -> list[str]:
    """A list of ids in a body; none where it was left out. Raises a 400."""
    value: object = sent.get(name) or []
    if not isinstance(value, list):
        raise ApiError(400, "invalid-request", f"{name}: must be a list of ids")
    return [str(each) for each in cast("list[object]", value)]
