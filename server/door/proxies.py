"""Who is at the other end: the peer itself, or the client that a known proxy speaks for.

werkzeug's ProxyFix believes whoever connects; here X-Forwarded-* counts only where the peer is one
of TRUSTED_PROXIES, and is taken out of the request everywhere else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask, request

from jobs.settings import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)
"""What a proxy says of itself or of the client for whom it asks."""

INDIRECT = "darkroom.indirect"
"""In the WSGI environment: whether something stands between this server and the client."""


class Proxies:
    """WSGI middleware that puts the client's address, scheme and host where Flask looks."""

    def __init__(self, app: WSGIApplication, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted: list[Network] = [
            ipaddress.ip_network(each, strict=False) for each in trusted
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        said = {name: environ.pop(name) for name in FORWARDED if name in environ}
        peer = _address(environ.get("REMOTE_ADDR", ""))
        environ["REMOTE_ADDR"] = str(peer) if peer else environ.get("REMOTE_ADDR", "")
        believed = peer is not None and self._trusts(peer)
        environ[INDIRECT] = believed or bool(said)
        if believed:
            self._believe(environ, said)
        return self._app(environ, start_response)

    def _believe(self, environ: WSGIEnvironment, said: dict[str, str]) -> None:
        for value in reversed(_values(said, "HTTP_X_FORWARDED_FOR")):
            if (client := _address(value)) is None:
                break
            environ["REMOTE_ADDR"] = str(client)
            # Each proxy adds the address that it saw; the first one that is no proxy is the client.
            if not self._trusts(client):
                break
        for value in _values(said, "HTTP_X_FORWARDED_PROTO")[-1:]:
            if value.lower() in ("http", "https"):
                environ["wsgi.url_scheme"] = value.lower()
        for value in _values(said, "HTTP_X_FORWARDED_HOST")[-1:]:
            environ["HTTP_HOST"] = value

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def init_app(app: Flask) -> None:
    """Look behind the proxies that the settings name."""
    app.wsgi_app = Proxies(app.wsgi_app, settings().trusted_proxies)


def indirect() -> bool:
    """Whether this request came through a proxy, known or not.

    Such a request is never the machine's owner at his own keyboard: a proxy on this machine
    connects from loopback whoever asked it to.
    """
    return bool(request.environ.get(INDIRECT))


def _values(said: dict[str, str], name: str) -> list[str]:
    return [value.strip() for value in said.get(name, "").split(",") if value.strip()]


@lru_cache(256)
def _address(text: str) -> Address | None:
    """An address as proxies and sockets write it, with its port or without."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # A zone names an interface of this machine; it says nothing of the other end.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows 10.0.0.7 as ::ffff:10.0.0.7.
    return getattr(address, "ipv4_mapped", None) or address
