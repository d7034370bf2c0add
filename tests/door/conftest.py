"""The application as in the tests of the server, and devices to call it with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from jobs import devices
from jobs.devices import Device, Role
from tests.server.conftest import app, client, data, server, store, worker

__all__ = ["app", "client", "data", "server", "store", "worker"]

MakeDevice = Callable[..., tuple[Device, dict[str, str]]]


@pytest.fixture
def device(redis: Redis) -> MakeDevice:
    """Makes a device; returns it and the header by which it comes in."""

    def make(
        name: str = "phone", role: Role = "user", **more: str
    ) -> tuple[Device, dict[str, str]]:
        made, token = devices.create(redis, name, role, **more)
        return made, {"Authorization": f"Bearer {token}"}

    return make
