"""What is said of a request that cannot become a job: wrong fields, a wrong body, no room."""

from __future__ import annotations

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from jobs.queue.idempotency import KeyReused
from jobs.queue.queue import QueueFull
from jobs.request.request import InvalidRequest
from server.errors import ApiError, respond
from server.requests.validation import field_errors


def init_app(app: Flask) -> None:
    """Answer what reading, checking and submitting a request raise."""
    app.register_error_handler(InvalidRequest, _invalid_request)
    app.register_error_handler(KeyReused, _key_reused)
    app.register_error_handler(QueueFull, _queue_full)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(ClientDisconnected, _cut_off)


def refuse_invalid(error: ValidationError) -> Response:
    """The answer to a body, query or header that does not fit its model."""
    return _invalid_request(InvalidRequest(field_errors(error, request.get_json(silent=True))))


def _invalid_request(error: InvalidRequest) -> Response:
    detail = "; ".join(f"{each.pointer[1:] or 'body'}: {each.detail}" for each in error.errors)
    return respond(ApiError(422, "invalid-request", detail, errors=error.errors))


def _key_reused(error: KeyReused) -> Response:
    return respond(ApiError(422, "idempotency-key-reused", str(error)))


def _queue_full(error: QueueFull) -> Response:
    headers = {"Retry-After": str(error.retry_after)}
    return respond(ApiError(429, "queue-full", str(error), headers=headers))


def _too_large(_error: RequestEntityTooLarge) -> Response:
    detail = f"the body may have at most {request.max_content_length} bytes"
    return respond(ApiError(413, "request-entity-too-large", detail))


def _cut_off(_error: ClientDisconnected) -> Response:
    # Or cut off by serving/gunicorn_worker.py for being slow; one that is gone does not see it.
    return respond(ApiError(408, "request-timeout", "the body did not come in time"))
