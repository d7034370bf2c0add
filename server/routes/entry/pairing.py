"""Pairing: a one-time code, made by somebody inside, becomes a device's token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from jobs import devices
from jobs.devices import CODE_SECONDS, MAX_NAME, BadDevice, Kind, Role
from jobs.request.request import FieldError, InvalidRequest
from jobs.settings import settings
from jobs.whereabouts import here
from server.door import session, throttle
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import Routes, answer, response
from server.requests.reaching import drawn, reachable_base
from server.resources import resources
from server.views import DeviceView, device_view

TRY = "code"

routes = Routes("pairing", "How a device comes in.")


class PairRequest(BaseModel):
    """A code, and who comes in by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(
        min_length=1,
        max_length=64,
        description="The code, as the machine shows it; small letters, spaces and dashes are fine.",
        examples=["K7QX-92MD"],
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_NAME,
        description="What the device is to be called, such as `Anna's phone`; printable.",
    )
    session: StrictBool = Field(
        default=False,
        description="For a page in a browser: keep the token in an HttpOnly cookie and do not "
        "tell it. Needs the header `X-Darkroom-Request`.",
    )


class Paired(BaseModel):
    """The device that came in."""

    device: DeviceView
    token: str | None = Field(
        description="What the device sends from now on, as Bearer, or as the password of Basic; "
        "told this once. Null where it is in the session's cookie."
    )


class CodeRequest(BaseModel):
    """What the next device may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role = Field(
        default="user", description="A user's device, or an admin's; only an admin gives that."
    )
    mine: StrictBool = Field(
        default=False,
        description="Whether it is yours too: it sees, ends and deletes what you made, and you "
        "what it makes.",
    )


class Code(BaseModel):
    """A code for one device."""

    code: str
    url: str = Field(description="The page that pairs by this code, for a QR code.")
    qr: str = Field(
        description="That QR code as an SVG, dark on light with its quiet zone: scanners read it "
        "on a ground of any colour."
    )
    role: Role
    expires_at: datetime


@routes.post("/pair", {201: Paired}, (400, 403, 413, 415, 422, 429, 503))
def pair(body: PairRequest) -> Response:
    """Pair this device

    A code works once, for ten minutes. A few wrong ones from one address, and it has to wait.
    """
    if body.session:
        session.check_page()
    throttle.take_try(TRY)
    kind: Kind = "browser" if body.session else "paired"
    try:
        paired = devices.redeem(resources().redis, body.code, body.name, kind)
    except BadDevice as error:
        throttle.give_back(TRY)
        raise InvalidRequest([FieldError(pointer="/name", detail=str(error))]) from error
    if paired is None:
        detail = "this code is wrong, was used, or is older than ten minutes; ask for a new one"
        raise ApiError(403, "wrong-code", detail)
    throttle.give_back(TRY)
    device, token = paired
    view = Paired(device=device_view(device), token=None if body.session else token)
    answered = response(view, 201)
    if body.session:
        session.set_cookie(answered, token)
    return answered


@routes.post("/pairing-codes", {201: Code}, (400, 403, 413, 415, 422))
def create_pairing_code(body: CodeRequest) -> tuple[dict[str, Any], int]:
    """Make a code for another device

    The code goes with the device that made it: revoked, neither opens.
    """
    who = caller()
    if body.role == "admin" and not who.is_admin:
        raise ApiError(403, "admin-only", "only an admin lets another admin in")
    owner = who.owner if body.mine else None
    expires = datetime.now(UTC) + timedelta(seconds=CODE_SECONDS)
    code = devices.new_code(resources().redis, role=body.role, owner=owner, issuer=who.device_id)
    url = _pairing_url(code)
    view = Code(code=code, url=url, qr=drawn(url), role=body.role, expires_at=expires)
    return answer(view), 201


def _pairing_url(code: str) -> str:
    """Where the next device comes in: as its maker did, unless only this machine can go there."""
    chosen = settings()
    authority = here.fingerprint(chosen.tls_folder) if chosen.tls else None
    return devices.pairing_url(reachable_base(), code, authority)
