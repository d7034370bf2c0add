"""Every error answer: application/problem+json (RFC 9457) of one shape, and never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import cast

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from jobs.request.request import FieldError
from jobs.sentences import Wording, wording_of

log = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds after which a caller may try again where nobody knows better."""


class Problem(BaseModel):
    """What went wrong (RFC 9457); `errors` names each field that is wrong, if any is."""

    type: str = Field(
        description="What kind of problem it is, for programs.",
        examples=["urn:darkroom:invalid-request"],
    )
    title: str = Field(examples=["Invalid request"])
    status: int = Field(examples=[422])
    detail: str = Field(
        description="What is wrong, in words.", examples=["steps: must be at most 150; it is 500"]
    )
    wording: Wording | None = Field(
        None,
        description="What the detail says, for programs that say it in another language; absent "
        "where it is in English only.",
    )
    errors: list[FieldError] = Field(
        description="Each field that is wrong, as a JSON pointer (RFC 6901) into the body, "
        "or as the name of a query parameter or header.",
        examples=[[{"pointer": "/steps", "detail": "must be at most 150; it is 500"}]],
    )


class ApiError(Exception):
    """The caller gets this problem in place of an answer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.headers = dict(headers or {})


Envelope = Callable[[ApiError], Response]
"""Makes a response of an error, as one API sends it."""

ENVELOPES = "darkroom_error_envelopes"


class Unavailable(ApiError):
    """The caller gets 503 and is asked to come back."""

    def __init__(self, code: str, detail: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(503, code, detail, headers={"Retry-After": str(retry_after)})


def init_app(app: Flask) -> None:
    """Answer every exception with a problem."""
    app.register_error_handler(ApiError, respond)
    app.register_error_handler(HTTPException, problem_of)
    app.register_error_handler(Exception, unforeseen)


def envelope_below(app: Flask, prefix: str, envelope: Envelope) -> None:
    """Answer every error below a path in the envelope of the API that these routes mimic."""
    cast("dict[str, Envelope]", app.extensions.setdefault(ENVELOPES, {}))[prefix] = envelope


def respond(error: ApiError) -> Response:
    """The error as a response, in the envelope that belongs to the request's path."""
    known = cast("dict[str, Envelope]", current_app.extensions.get(ENVELOPES, {}))
    envelope = next((known[each] for each in known if request.path.startswith(each)), _problem)
    return envelope(error)


def unforeseen(error: Exception) -> Response:
    """The answer to what nobody foresaw: the log says what it was, the caller is not told."""
    log.error("A request failed in a way nobody foresaw", exc_info=error)
    return respond(ApiError(500, "internal-error", "something went wrong here; the log says what"))


def _problem(error: ApiError) -> Response:
    problem = Problem(
        type=f"urn:darkroom:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=error.status,
        detail=error.detail,
        wording=wording_of(error.detail),
        errors=error.errors,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        error.status,
        {**error.headers, "Cache-Control": "no-store"},
        content_type="application/problem+json",
    )


def problem_of(error: HTTPException) -> BaseResponse:
    """The answer to what no view took: an unknown address, another method than it has."""
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    code = error.name.lower().replace(" ", "-")
    return respond(ApiError(error.code, code, error.description or error.name, headers=headers))
