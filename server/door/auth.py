"""Who is calling, and the door: whoever is not let in here gets 401, whatever the route."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, cast

from flask import Flask, current_app, g, request
from redis.exceptions import RedisError
from werkzeug.exceptions import MethodNotAllowed

from jobs import devices
from jobs.devices import LOCAL, Device, Role
from jobs.settings import settings
from server.door.cors import cross_origin
from server.door.path_tokens import path_token
from server.door.proxies import indirect
from server.errors import ApiError
from server.resources import resources

Via = Literal["loopback", "token", "path", "basic", "session", "signature", "open"]

COOKIE = "darkroom"
"""The cookie of a browser's session; its value is the token of the device that the browser is."""

PAGE_HEADER = "X-Darkroom-Request"
"""What a page of ours adds to a request that changes something: a foreign page cannot, because the
browser asks the server first whether it may."""

PUBLIC: dict[str, str] = {
    "page.index": "the page from which a browser pairs",
    "page.file": "the files that this page is made of; they are the same for everybody",
    "page.pair": "the page that a QR code leads to",
    "page.show": "the page for a big screen; what it shows needs who opens it to be let in",
    "page.style": "how the documentation and a public link look; it is the same for everybody",
    "page.authority": "the certificate that a device is to trust before it sends a token by https",
    "health.health": "whether the API lives: what asks is often a program without a token",
    "pairing.pair": "whoever pairs has no token yet; the code is what lets in",
    "session.begin_session": "whoever logs in has no session yet; the token is what lets in",
}
"""The endpoints that need no token, each with the reason. All else does."""

SMALL = 16 * 1024
"""Bytes that a body may have of whom nobody knows."""

SIGNED = "images.get_image"
"""The endpoint that a signed URL opens without a token; its view checks the signature."""

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True)
class Caller:
    """Whose records and events these are, the lane in which their jobs wait, and what they may."""

    owner: str
    lane: str
    role: Role
    device_id: str | None
    via: Via

    @property
    def account(self) -> str:
        """Whom limits count: a user with all his devices, else the address."""
        return self.lane if self.device_id is None else self.owner

    @property
    def is_admin(self) -> bool:
        """Whether they see and end everybody's jobs and pictures."""
        return self.role == "admin"

    def sees(self, owner: str) -> bool:
        """Whether what belongs to this owner is for them to see."""
        return self.is_admin or owner == self.owner


def init_app(app: Flask) -> None:
    """Shut the door: every endpoint that is not PUBLIC is refused without a caller."""
    app.before_request(_enter)


def caller() -> Caller:
    """The caller of this request. Raises a 401 where there is none, and a 403 for a forged one."""
    if "caller" not in g:
        g.caller = _identify()
    return cast("Caller", g.caller)


def require_admin() -> Caller:
    """The caller, who is an admin. Raises a 403."""
    who = caller()
    if not who.is_admin:
        raise ApiError(403, "admin-only", "only an admin's device, or the machine itself, may")
    return who


def from_our_page() -> bool:
    """Whether a page of ours sent this, or a program: no page of another origin can have."""
    return PAGE_HEADER in request.headers and not cross_origin()


def is_public() -> bool:
    """Whether this request needs no token."""
    wrong_method = request.routing_exception
    if isinstance(wrong_method, MethodNotAllowed):
        # Said of what is public, so that a client which gets the method wrong is told so.
        adapter = current_app.create_url_adapter(request)
        rights = wrong_method.valid_methods or ()
        return any(adapter and adapter.match(method=each)[0] in PUBLIC for each in rights)
    return request.endpoint in PUBLIC


def _enter() -> None:
    if not is_public():
        caller()
    else:
        request.max_content_length = min(SMALL, settings().max_body)


def _identify() -> Caller:
    address = request.remote_addr or "unknown"
    if _signed():
        return Caller("", address, "user", None, "signature")
    if settings().open:
        return Caller(LOCAL, address, "admin", None, "open")
    local = _from_this_machine()
    given = _credentials()
    if given is not None:
        via, token = given
        device = devices.find(resources().redis, token)
        if device is not None:
            return _device(device, via)
        # Programs on this machine may send whatever key they were made to ask for. One of our own
        # that is not valid any more is refused: it was to have fewer rights than the machine.
        if not local or via == "path" or (via != "session" and token.startswith(devices.PREFIX)):
            raise refused("this token is not valid here, or not any more", "invalid_token")
    if local:
        # One owner, so that all that runs here shows the same pictures; a lane for each address,
        # so that they take turns all the same.
        return Caller(LOCAL, address, "admin", None, "loopback")
    raise refused(
        "this needs a token; pair this device with a code from the machine (`darkroom pair`, after"
        " `make up` `.venv/bin/darkroom pair`)"
    )


def _device(device: Device, via: Via) -> Caller:
    if via == "session" and request.method not in SAFE and PAGE_HEADER not in request.headers:
        detail = f"what a session changes needs the header {PAGE_HEADER}"
        raise ApiError(403, "cross-site", detail)
    # A Redis that cannot write just now can still say who this is.
    with suppress(RedisError):
        devices.touch(resources().redis, device)
    # An address is copied, remembered and shown more readily than a header.
    role = "user" if via == "path" else device.role
    return Caller(device.owner, device.id, role, device.id, via)


def refused(detail: str, error: str | None = None) -> ApiError:
    """A 401 that says how to come in."""
    challenges = ['Bearer realm="Darkroom"' + (f', error="{error}"' if error else "")]
    # A browser would ask for a name and a password, above the page that is about to pair.
    if not request.headers.get("User-Agent", "").startswith("Mozilla/"):
        challenges.append('Basic realm="Darkroom", charset="UTF-8"')
    headers = {"WWW-Authenticate": ", ".join(challenges)}
    return ApiError(401, "unauthorized", detail, headers=headers)


def _signed() -> bool:
    return request.endpoint == SIGNED and "signature" in request.args


def _credentials() -> tuple[Via, str] | None:
    if (in_path := path_token()) is not None:
        return "path", in_path
    if "Authorization" in request.headers:
        given = request.authorization
        if given is not None and given.type == "basic":
            return "basic", given.password or ""
        if given is not None and given.type == "bearer":
            return "token", given.token or ""
        return "token", ""
    # A page of another origin has to say itself who it is: the browser adds the cookie by itself.
    cookie = None if cross_origin() else request.cookies.get(COOKIE)
    return ("session", cookie) if cookie else None


def _from_this_machine() -> bool:
    """Whether the peer is on this machine, and speaks for itself."""
    return not indirect() and not cross_origin() and _is_loopback(request.remote_addr or "")


@lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
