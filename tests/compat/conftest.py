"""A server and a worker with the model that ships, for the clients that people have already."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from darkroom.redis_server import RedisServer
from jobs import devices
from jobs.connection import connect
from jobs.devices import Role
from tests.server.conftest import app, client, data, server, store, worker
from tests.server.helpers import gunicorn
from tests.worker.process import WorkerProcess

__all__ = ["app", "client", "data", "server", "store", "worker"]

MakeToken = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "endpoint(*routes): what of an API the test proves")


@pytest.fixture(scope="session")
def real_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, Redis]]:
    """A Redis of their own: the one that others share is emptied between tests."""
    with (
        RedisServer(tmp_path_factory.mktemp("compat-redis")) as server,
        connect(server.url) as client,
    ):
        yield server, client


@pytest.fixture(scope="session")
def address(
    real_redis: tuple[RedisServer, Redis], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a real server with a real worker is."""
    redis_server, redis = real_redis
    data = tmp_path_factory.mktemp("compat")
    worker = WorkerProcess(redis, redis_server.url, data)
    try:
        with gunicorn(redis_server.url, data) as server:
            yield server.url
    finally:
        worker.close()


@pytest.fixture(scope="session")
def token(real_redis: tuple[RedisServer, Redis]) -> MakeToken:
    """Makes a device of that server; returns its token."""
    redis = real_redis[1]

    def make(name: str, role: Role = "user") -> str:
        return devices.create(redis, name, role)[1]

    return make
