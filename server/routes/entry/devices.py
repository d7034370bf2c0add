"""Devices: which may come in, and which no longer."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from jobs import devices
from jobs.devices import Role
from server.door import session
from server.door.auth import Via, caller
from server.errors import ApiError
from server.openapi import Routes, answer
from server.resources import resources
from server.views import DeviceView, device_view

routes = Routes("devices", "Who may come in.")


class DevicePath(BaseModel):
    """A device in the path."""

    device_id: str = Field(description="Id of the device.")


class DeviceList(BaseModel):
    """Devices, newest first."""

    devices: list[DeviceView]


class Me(BaseModel):
    """Who is calling."""

    owner: str = Field(description="Whose jobs and pictures these are.")
    role: Role
    via: Via = Field(description="What let this request in.")
    device: DeviceView | None = Field(description="Null for the machine itself.")


@routes.get("/me", {200: Me})
def me() -> dict[str, Any]:
    """Say who is calling"""
    who = caller()
    device = devices.get(resources().redis, who.device_id) if who.device_id else None
    view = device_view(device) if device else None
    return answer(Me(owner=who.owner, role=who.role, via=who.via, device=view))


@routes.get("/devices", {200: DeviceList})
def list_devices() -> dict[str, Any]:
    """List devices

    Yours, or everybody's for an admin.
    """
    who = caller()
    found = devices.list_devices(resources().redis, None if who.is_admin else who.owner)
    return answer(DeviceList(devices=[device_view(device) for device in found]))


@routes.delete("/devices/<device_id>", {204: None}, (404,))
def revoke_device(path: DevicePath) -> Response:
    """Revoke a device

    Its next request is refused, and its event streams end within a few seconds. What it made
    stays.
    """
    who, here = caller(), resources()
    device = devices.get(here.redis, path.device_id)
    if device is None or not who.sees(device.owner):
        raise ApiError(404, "not-found", f"there is no device {path.device_id[:64]!r}")
    devices.revoke(here.redis, device.id)
    response = Response(status=204)
    if who.via == "session" and who.device_id == device.id:
        session.drop_cookie(response)
    return response
