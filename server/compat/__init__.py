"""Other servers' APIs, for the programs that speak them: thin views of the same jobs."""

from __future__ import annotations

from flask import Flask, Response

from server.compat import a1111, comfyui, ollama, openai
from server.compat.waiting import ClientGone

CLIENT_CLOSED_REQUEST = 499
"""What nginx calls it; nobody gets to see it."""


def init_app(app: Flask) -> None:
    """Register the routes of each API, and the envelope of its errors.

    Their clients write some addresses with a slash at the end, as those servers let them.
    """
    strict, app.url_map.strict_slashes = app.url_map.strict_slashes, False
    openai.init_app(app)
    a1111.init_app(app)
    comfyui.init_app(app)
    ollama.init_app(app)
    app.url_map.strict_slashes = strict
    app.register_error_handler(ClientGone, _gone)


def _gone(_error: ClientGone) -> Response:
    return Response(status=CLIENT_CLOSED_REQUEST)
