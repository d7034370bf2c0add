"""The session of a browser: its device's token in a cookie that no script can read."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from server.door.auth import COOKIE, PAGE_HEADER, from_our_page
from server.errors import ApiError

LIFETIME = 400 * 24 * 3600
"""Seconds: as long as browsers keep a cookie. The device is let in until it is revoked."""


def check_page() -> None:
    """Refuse to log a browser in for a page that is not ours. Raises a 403.

    Else a foreign page could have somebody make pictures as somebody else.
    """
    if not from_our_page():
        detail = f"a session begins with the header {PAGE_HEADER}, from a page of this origin"
        raise ApiError(403, "cross-site", detail)


def set_cookie(response: Response, token: str) -> None:
    """Begin the session, in place of one that there may be."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=LIFETIME,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )


def drop_cookie(response: Response) -> None:
    """End the session in the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
