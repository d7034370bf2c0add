"""Headers that every answer carries."""

from __future__ import annotations

from flask import Flask, Response


def init_app(app: Flask) -> None:
    """Add to each response what all responses have."""
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    # Everything about a job changes by the second; pictures and pages say otherwise themselves.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
