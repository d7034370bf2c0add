"""Addresses with a token in their path, `/t/TOKEN/sdapi/...`: for programs that send no headers.

The token is taken out before anything else sees the address, so that no log, trace or answer has
it. Such an address opens other servers' APIs alone, as a user's, whoever the token belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COMFYUI = (
    "prompt|queue|interrupt|free|history|view|upload|ws|object_info|embeddings|models|extensions"
    "|features|system_stats"
)

OLLAMA = "api/(?:generate|chat|tags|show|ps|version)"

ADDRESS = re.compile(
    r"/t/([^/]{1,200})"
    rf"(/(?:(?:v1|sdapi|controlnet|internal)/.*|{OLLAMA}/?|(?:api/)?(?:{COMFYUI})(?:/.*)?))",
    re.DOTALL,
)

TOKEN = "darkroom.path_token"
"""In the WSGI environment: the token that stood in the path."""


class PathTokens:
    """WSGI middleware that takes the token out of the path."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = ADDRESS.fullmatch(environ.get("PATH_INFO", ""))
        if found:
            environ[TOKEN], environ["PATH_INFO"] = found[1], found[2]
        for name in ("RAW_URI", "REQUEST_URI"):
            # What logs show of a request; of one that is no address here as well.
            if environ.get(name, "").startswith("/t/"):
                rest = environ[name].split("/", 3)
                environ[name] = "/t/[token]/" + (rest[3] if len(rest) > 3 else "")
        return self._app(environ, start_response)


def init_app(app: Flask) -> None:
    """Let tokens in by the path."""
    app.wsgi_app = PathTokens(app.wsgi_app)


def path_token() -> str | None:
    """The token in the path of this request; None where there was none."""
    return request.environ.get(TOKEN)
