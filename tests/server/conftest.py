"""The real application on a real Redis and a real folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.pictures.image_store import ImageStore
from tests.running.api import Server, gunicorn
from tests.running.apps import Apps
from tests.running.hand_worker import HandWorker
from tests.running.services.redis import redis_in


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the pictures of this test run are."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def store(data: Path) -> ImageStore:
    return ImageStore(str(data / "images"))


@pytest.fixture
def worker(redis: Redis, store: ImageStore) -> HandWorker:
    """A worker that has said what it offers."""
    worker = HandWorker(redis, store)
    worker.advertise()
    return worker


@pytest.fixture
def app(redis_url: str, data: Path, apps: Apps) -> Flask:
    return apps.one(redis_url, str(data / "images"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def server(redis_server: RedisServer, data: Path) -> Iterator[Server]:
    """The API under gunicorn, with the same Redis and pictures as `worker`."""
    with gunicorn(redis_server.url, data) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may stop."""
    with redis_in(tmp_path / "redis") as server:
        yield server
