"""The session of a browser: log in with a token, log out."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs import devices
from server.door import session, throttle
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import Routes, response
from server.resources import resources
from server.views import DeviceView, device_view

TRY = "token"

routes = Routes("session", "A browser's way to stay.")


class SessionRequest(BaseModel):
    """The token to log in with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field(min_length=1, max_length=200, description="A device's token.")


class Session(BaseModel):
    """The device that this browser is now."""

    device: DeviceView


@routes.post("/session", {201: Session}, (400, 403, 413, 415, 422, 429, 503))
def begin_session(body: SessionRequest) -> Response:
    """Log in

    The token goes into an HttpOnly cookie. Needs the header `X-Darkroom-Request`.
    """
    session.check_page()
    throttle.take_try(TRY)
    device = devices.find(resources().redis, body.token.strip())
    if device is None:
        raise ApiError(403, "wrong-token", "this token is not valid, or not any more")
    throttle.give_back(TRY)
    view = Session(device=device_view(device))
    answered = response(view, 201)
    session.set_cookie(answered, body.token.strip())
    return answered


@routes.delete("/session", {204: None})
def end_session() -> Response:
    """Log out

    A browser that was paired is revoked, since its token is nowhere else; a token that was typed
    in stays good. Without a session nothing happens.
    """
    who, here = caller(), resources()
    ended = Response(status=204)
    if who.via == "session" and who.device_id:
        device = devices.get(here.redis, who.device_id)
        if device is not None and device.kind == "browser":
            devices.revoke(here.redis, device.id)
    session.drop_cookie(ended)
    return ended
