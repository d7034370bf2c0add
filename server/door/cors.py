"""Which web pages may call this API: its own, those of CORS_ORIGINS, and the mobile shell's.

A browser sends what any page asks it to, from inside the network and with its user's cookies, so a
request that a foreign page makes is refused before anything else looks at it, whether or not the
page could have read the answer.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

from jobs.settings import settings
from server.door.path_tokens import path_token
from server.errors import ApiError
from server.openapi import PREFIX

SHELL = ("capacitor://localhost", "https://localhost", "http://localhost")
"""The origins of a Capacitor app's own pages on iOS and Android."""

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SENT = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, Range, "
    "Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, X-Darkroom-Request"
)
SHOWN = (
    "Content-Disposition, ETag, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, "
    "Retry-After, Tus-Resumable, Upload-Expires, Upload-Length, Upload-Offset, WWW-Authenticate"
)
"""Headers of an answer that a page of another origin may read."""

MAX_AGE = 600
"""Seconds that a browser may remember a preflight."""


def init_app(app: Flask) -> None:
    """Refuse what foreign pages send; answer preflights of those that may."""
    app.before_request(_check)
    app.after_request(_finish)


def cross_origin() -> bool:
    """Whether a page of another origin that may call sent this.

    It may with a token in a header only: neither the cookie of this server's own pages nor being
    on this machine says that its user meant it.
    """
    origin = request.headers.get("Origin")
    return origin is not None and not _is_ours(origin)


def _check() -> ResponseReturnValue | None:
    origin = request.headers.get("Origin")
    if origin is None:
        if not _may_be_asked_for():
            raise _foreign("another site")
        return None
    if _is_ours(origin):
        return None
    if not _may_call(origin):
        raise _foreign(repr(origin[:80]))
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return _preflight()
    return None


def _is_ours(origin: str) -> bool:
    return origin.lower() == request.host_url.rstrip("/").lower()


def _may_call(origin: str) -> bool:
    # A page that knows the token in the address was given it by its user.
    return path_token() is not None or origin.lower() in (*SHELL, *settings().cors_origins)


def _may_be_asked_for() -> bool:
    """What no Origin header tells of: the browser's own word on who asks, where it gives one."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site in ("none", "same-origin"):
        return True
    if request.method not in ("GET", "HEAD"):
        return False
    # A link may lead here, and a signed picture may be shown anywhere.
    is_link = request.headers.get("Sec-Fetch-Dest") == "document"
    return is_link or is_signed_picture()


def is_signed_picture() -> bool:
    """Whether this asks for a picture by a signed URL, which says by itself that it may."""
    return request.path.startswith(f"{PREFIX}/images/") and "signature" in request.args


def _foreign(who: str) -> ApiError:
    detail = (
        f"a page of {who} may not call this server; CORS_ORIGINS lets one in, and behind a proxy "
        "TRUSTED_PROXIES has to name it"
    )
    return ApiError(403, "foreign-origin", detail)


def _preflight() -> Response:
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = METHODS
    response.headers["Access-Control-Allow-Headers"] = SENT
    response.headers["Access-Control-Max-Age"] = str(MAX_AGE)
    response.vary.update(["Access-Control-Request-Method", "Access-Control-Request-Headers"])
    if request.headers.get("Access-Control-Request-Private-Network") == "true":
        # Asked before a page of the open internet may reach into a private network.
        response.headers["Access-Control-Allow-Private-Network"] = "true"
        response.vary.add("Access-Control-Request-Private-Network")
    return response


def _finish(response: Response) -> Response:
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin is not None and not _is_ours(origin) and _may_call(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = SHOWN
    return response
