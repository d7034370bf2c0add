"""OpenAI's envelope of an error, and the headers that its clients read."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import Response, g, request

from jobs.records.record import JobRecord
from jobs.request.request import FieldError
from server.errors import ApiError

PREFIX = "/v1/"

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
"""What kind of error a status is; else `invalid_request_error`, or `server_error` from 500 on."""

CODES = {
    "unauthorized": "invalid_api_key",
    "invalid-request": "invalid_value",
    "quota-exceeded": "rate_limit_exceeded",
    "queue-full": "rate_limit_exceeded",
    "refused": "moderation_blocked",
}
"""Codes that OpenAI's clients may know, for ours; others are ours with underscores."""

NAMES = {"count": "n", "kind": "model"}
"""Fields of this API by those of a job."""


def invalid(field: str, detail: str) -> ApiError:
    """A 400 that names the field."""
    return ApiError(
        400, "invalid-request", detail, errors=[FieldError(pointer=f"/{field}", detail=detail)]
    )


def accepted(record: JobRecord) -> None:
    """From here on this request has a job: its client must not send it again by itself."""
    g.openai_job = record.id


def given_up() -> None:
    """The request has no job any more: its client may send it again."""
    del g.openai_job


def finish(response: Response) -> Response:
    """Add the headers of this API to each of its answers."""
    if request.path.startswith(PREFIX):
        job: str | None = g.get("openai_job")
        response.headers["X-Request-Id"] = f"req_{job or secrets.token_hex(16)}"
        if job and response.status_code >= 400:
            response.headers["X-Should-Retry"] = "false"
    return response


def enveloped(error: ApiError) -> Response:
    """The error as OpenAI sends one; a field that is wrong is a 400 there, not a 422."""
    return Response(
        json.dumps(envelope(error), ensure_ascii=False),
        400 if error.status == 422 else error.status,
        {**error.headers, "Cache-Control": "no-store"},
        content_type="application/json",
    )


def envelope(error: ApiError) -> dict[str, Any]:
    """What clients show of an error: `message`, and `param` and `code` for programs."""
    fields = [_renamed(each) for each in error.errors]
    said = "; ".join(f"{name}: {detail}" if name else detail for name, detail in fields)
    code = CODES.get(error.code, error.code.replace("-", "_"))
    if fields and fields[0][1].startswith("is required"):
        code = "missing_required_parameter"
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": said or error.detail,
            "type": TYPES.get(error.status, kind),
            "param": next((name for name, _ in fields if name), None),
            "code": code,
        }
    }


def _renamed(error: FieldError) -> tuple[str, str]:
    """A field of this API, and what is wrong with it."""
    name = error.pointer[1:]
    if name in ("width", "height"):
        return "size", f"{name} {error.detail}"
    return NAMES.get(name, name), error.detail
