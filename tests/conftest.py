"""What every folder of tests shares: a real Redis, emptied around each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from darkroom.redis_server import RedisServer
from jobs.connection import connect


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this test run's own, as `darkroom up` starts it."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis: Redis, redis_server: RedisServer) -> str:
    """The URL of the Redis, empty."""
    return redis_server.url


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the Redis, which is empty before and after the test."""
    client = connect(redis_server.url)
    client.flushall()
    yield client
    client.flushall()
    client.close()
