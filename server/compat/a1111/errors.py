"""AUTOMATIC1111's envelope of an error, and how its clients are told what was wrong."""

from __future__ import annotations

import json

from flask import Response, request

from jobs.request.request import FieldError
from server.errors import ApiError

BASIC = 'Basic realm="Darkroom", charset="UTF-8"'
"""The one way to come in that this API's clients know, so it stands first."""


def invalid(field: str, detail: str) -> ApiError:
    """A 422 that names the field as the client sent it, with slashes where it is inside another."""
    error = FieldError(pointer=f"/{field}", detail=detail)
    return ApiError(422, "invalid-request", f"{field}: {detail}", errors=[error])


def enveloped(error: ApiError) -> Response:
    """The error as AUTOMATIC1111 sends one.

    Clients show `detail`, and some compare it; `errors` is a text there as well.
    """
    detail, headers = error.detail, dict(error.headers)
    if error.status == 404 and request.url_rule is None:
        detail = "Not Found"
    if error.status == 401:
        others = headers.get("WWW-Authenticate", "").removesuffix(BASIC).rstrip(", ")
        headers["WWW-Authenticate"] = ", ".join(filter(None, [BASIC, others]))
    said = {"error": error.code, "detail": detail, "body": "", "errors": _errors(error)}
    return Response(
        json.dumps(said, ensure_ascii=False),
        error.status,
        {**headers, "Cache-Control": "no-store"},
        content_type="application/json",
    )


def _errors(error: ApiError) -> str:
    each = (f"{field.pointer[1:] or 'body'}: {field.detail}" for field in error.errors)
    return "; ".join(each) or error.detail
