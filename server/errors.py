"""Every error answer: application/problem+json (RFC 9457) of one shape, and never a stack trace."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import cast

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, Field, ValidationError
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from jobs.queue.idempotency import KeyReused
from jobs.queue.queue import RETRY_AFTER, QueueFull
from jobs.request.request import FieldError, InvalidRequest
from server.requests.validation import field_errors

log = logging.getLogger(__name__)

REFUSALS = re.compile(r"\b(MISCONF|NOREPLICAS|MASTERDOWN|TRYAGAIN)\b")
"""Words of a Redis that cannot write just now, in replies for which its client has no exception."""

PASSING = (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisConnectionError,
    RedisTimeoutError,
)
"""What Redis raises for reasons that will pass: away, still loading, full, failing over."""


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


Shape = Callable[[ApiError], Response]
"""Makes a response of an error, in one API's envelope."""

SHAPES = "darkroom_error_shapes"


class Unavailable(ApiError):
    """The caller gets 503 and is asked to come back."""

    def __init__(self, code: str, detail: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(503, code, detail, headers={"Retry-After": str(retry_after)})


def init_app(app: Flask) -> None:
    """Answer every exception with a problem."""
    app.register_error_handler(ApiError, respond)
    app.register_error_handler(InvalidRequest, _invalid_request)
    app.register_error_handler(KeyReused, _key_reused)
    app.register_error_handler(QueueFull, _queue_full)
    app.register_error_handler(RedisError, _redis_error)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def refuse_invalid(error: ValidationError) -> Response:
    """The answer to a body, query or header that does not fit its model."""
    return _invalid_request(InvalidRequest(field_errors(error, request.get_json(silent=True))))


def shape_below(app: Flask, prefix: str, shape: Shape) -> None:
    """Answer every error below a path in the envelope of the API that these routes mimic."""
    cast("dict[str, Shape]", app.extensions.setdefault(SHAPES, {}))[prefix] = shape


def respond(error: ApiError) -> Response:
    """The error as a response, in the envelope that belongs to the request's path."""
    shapes = cast("dict[str, Shape]", current_app.extensions.get(SHAPES, {}))
    shape = next((shapes[each] for each in shapes if request.path.startswith(each)), _problem)
    return shape(error)


def _problem(error: ApiError) -> Response:
    problem = Problem(
        type=f"urn:darkroom:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=error.status,
        detail=error.detail,
        errors=error.errors,
    )
    return Response(
        problem.model_dump_json(),
        error.status,
        {**error.headers, "Cache-Control": "no-store"},
        content_type="application/problem+json",
    )


def _invalid_request(error: InvalidRequest) -> Response:
    detail = "; ".join(f"{each.pointer[1:] or 'body'}: {each.detail}" for each in error.errors)
    return respond(ApiError(422, "invalid-request", detail, errors=error.errors))


def _key_reused(error: KeyReused) -> Response:
    return respond(ApiError(422, "idempotency-key-reused", str(error)))


def _queue_full(error: QueueFull) -> Response:
    headers = {"Retry-After": str(error.retry_after)}
    return respond(ApiError(429, "queue-full", str(error), headers=headers))


def _redis_error(error: RedisError) -> Response:
    if isinstance(error, PASSING) or REFUSALS.search(str(error)):
        log.warning("Redis cannot: %s", error)
        return respond(Unavailable("redis-unavailable", "the job queue does not answer just now"))
    return _unexpected(error)


def _http_exception(error: HTTPException) -> BaseResponse:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    code = error.name.lower().replace(" ", "-")
    return respond(ApiError(error.code, code, error.description or error.name, headers=headers))


def _unexpected(error: Exception) -> Response:
    log.error("A request failed in a way nobody foresaw", exc_info=error)
    return respond(ApiError(500, "internal-error", "something went wrong here; the log says what"))
