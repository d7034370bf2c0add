"""Quotas of single users: an admin says how much each may have."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs import devices
from jobs.queue import own_quotas
from jobs.queue.own_quotas import OwnQuota
from jobs.settings import settings
from server.door.auth import caller, require_admin
from server.openapi import Routes, answer
from server.resources import resources

routes = Routes("quotas", "How much each user may have.")


class OwnerPath(BaseModel):
    """A user in the path."""

    owner: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="Whose jobs and pictures they are."
    )


class QuotaView(OwnQuota):
    """What one user may have."""

    owner: str


class ServerQuota(BaseModel):
    """What each may have for whom nothing is set; 0 is no limit."""

    queued: int
    pictures_in_flight: int
    pictures_per_day: int


class QuotaList(BaseModel):
    """Quotas of users, by name, and the server's own."""

    quotas: list[QuotaView]
    server: ServerQuota


@routes.get("/quotas", {200: QuotaList}, (503,))
def list_quotas() -> dict[str, Any]:
    """List quotas

    Yours; for an admin, of everybody who has a device or a quota.
    """
    who, redis = caller(), resources().redis
    found = own_quotas.every(redis)
    names = {who.owner}
    if who.is_admin:
        names = {*found, *(device.owner for device in devices.list_devices(redis, None))}
    views = [_view(name, found.get(name, own_quotas.NONE)) for name in sorted(names)]
    chosen = settings()
    server = ServerQuota(
        queued=chosen.queued_per_caller,
        pictures_in_flight=chosen.pictures_in_flight,
        pictures_per_day=chosen.pictures_per_day,
    )
    return answer(QuotaList(quotas=views, server=server))


@routes.put("/quotas/<owner>", {200: QuotaView}, (400, 403, 408, 413, 415, 422, 503))
def set_quota(path: OwnerPath, body: OwnQuota) -> dict[str, Any]:
    """Set a user's quota

    For an admin. Null is what the server's settings say, 0 is no limit. What is on its way stays.
    """
    require_admin()
    own_quotas.put(resources().redis, path.owner, body)
    return answer(_view(path.owner, body))


def _view(owner: str, own: OwnQuota) -> QuotaView:
    return QuotaView(owner=owner, **own.model_dump())
