"""Other servers' APIs, for the programs that speak them: thin views of the same jobs."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.exceptions import ClientDisconnected

from server.compat import a1111, openai
from server.compat.waiting import ClientGone
from server.errors import ApiError, respond

CLIENT_CLOSED_REQUEST = 499
"""What nginx calls it; nobody gets to see it."""


def init_app(app: Flask) -> None:
    """Register the routes of each API, and the envelope of its errors."""
    openai.init_app(app)
    a1111.init_app(app)
    app.register_error_handler(ClientGone, _gone)
    app.register_error_handler(ClientDisconnected, _cut_off)


def _gone(_error: ClientGone) -> Response:
    return Response(status=CLIENT_CLOSED_REQUEST)


def _cut_off(_error: ClientDisconnected) -> Response:
    # Or cut off by serving/gunicorn_worker.py for being slow; one that is gone does not see it.
    return respond(ApiError(408, "request-timeout", "the body did not come in time"))
