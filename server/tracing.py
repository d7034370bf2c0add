"""A span for each request, which the job that it makes becomes a part of."""

from __future__ import annotations

from flask import Flask, Response, g, request

from jobs import tracing
from jobs.tracing import NOTHING, PARENT, Work

QUIET = frozenset(("/api/v1/health", "/api/v1/ready", "/api/v1/metrics"))
"""Paths that programs ask for all day: nobody looks for their traces."""


def init_app(app: Flask) -> None:
    """Trace each request, where the process does."""
    app.before_request(_begin)
    app.after_request(_note)
    app.teardown_request(_end)


def current_work() -> Work:
    """What this request is as a span."""
    return g.get("darkroom_work", NOTHING)


def _begin() -> None:
    if request.path in QUIET or not tracing.is_on():
        return
    rule = request.url_rule.rule if request.url_rule else "unknown"
    g.darkroom_work = tracing.begin(
        f"{request.method} {rule}",
        request.headers.get(PARENT),
        answers=True,
        http__request__method=request.method,
        http__route=rule,
        url__path=request.path[:200],
    )


def _note(response: Response) -> Response:
    g.darkroom_status = response.status_code
    return response


def _end(error: BaseException | None) -> None:
    status = g.get("darkroom_status", 500)
    reason = str(status) if status >= 500 else None
    current_work().end(reason, http__response__status_code=status)
