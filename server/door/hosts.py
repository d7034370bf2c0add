"""The names by which this server may be called.

A page of a foreign site can have its own name lead to an address of this network (DNS rebinding);
the browser then takes this server for that site and lets the page read everything. The Host header
still has the foreign name, and such a request is refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache

from flask import Flask, request

from jobs.settings import Settings, settings
from server.errors import ApiError

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@,\s]+)(?::\d{1,5})?")
"""A Host header: a name or an address, IPv6 in brackets, and a port."""


def init_app(app: Flask) -> None:
    """Refuse each request to a name that is not ours."""
    app.before_request(_check)


def allowed(header: str, chosen: Settings) -> bool:
    """Whether a Host header names this server."""
    if _is_address(header):
        # Some clients leave out the brackets of an IPv6 address.
        return True
    found = HOST.fullmatch(header)
    if not found:
        return False
    name = found[1].strip("[]").lower().removesuffix(".")
    if _is_address(name):
        # What is no name cannot be made to lead elsewhere.
        return True
    return any(
        name == each or (each.startswith(".") and name.endswith(each)) for each in _names(chosen)
    )


def _names(chosen: Settings) -> list[str]:
    machine = socket.gethostname().lower()
    short = machine.partition(".")[0]
    ours = ["localhost", machine, short, f"{short}.local", *map(str.lower, chosen.allowed_hosts)]
    return [*ours, chosen.public_host] if chosen.public_host else ours


@lru_cache(256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check() -> None:
    host = request.environ.get("HTTP_HOST", "")
    if not allowed(host, settings()):
        # repr, as these are the caller's own characters.
        shown = repr(host[:80])
        detail = f"this server is not called {shown}; ALLOWED_HOSTS names what it may be called"
        raise ApiError(421, "unknown-host", detail)
