"""Addresses with a token in their path, `/t/TOKEN/sdapi/...`: for programs that send no headers.

The token is taken out before anything else sees the address, so that no log, trace or answer has
it. Such an address opens other servers' APIs alone, as a user's, whoever the token belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

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
        path: str = environ.get("PATH_INFO", "")
        found = ADDRESS.fullmatch(path)
        if found:
            environ[TOKEN], environ["PATH_INFO"] = found[1], found[2]
        if path.startswith("/t/"):
            # What logs show of a request, also of one that is no address here, and however its
            # letters were written.
            shown = "/t/[token]/" + quote(path.split("/", 3)[3] if path.count("/") > 2 else "")
            for name in ("RAW_URI", "REQUEST_URI"):
                if name in environ:
                    _, asks, query = str(environ[name]).partition("?")
                    environ[name] = shown + asks + query
        return self._app(environ, start_response)


def init_app(app: Flask) -> None:
    """Let tokens in by the path."""
    app.wsgi_app = PathTokens(app.wsgi_app)


def path_token() -> str | None:
    """The token in the path of this request; None where there was none."""
    return request.environ.get(TOKEN)
