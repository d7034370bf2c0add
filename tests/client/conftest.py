"""The client on the real API: with a worker moved by hand, or a real one with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from darkroom_client import Darkroom
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.pictures.image_store import ImageStore
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker


@pytest.fixture(autouse=True)
def _nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DARKROOM_URL", raising=False)
    monkeypatch.delenv("DARKROOM_TOKEN", raising=False)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture
def worker(redis: Redis, data: Path) -> HandWorker:
    """A worker that has said what it offers, and does what a test tells it."""
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    return worker


@pytest.fixture(scope="session")
def server(redis_server: RedisServer, data: Path) -> Iterator[Server]:
    """The API with two places in its queue."""
    with gunicorn(redis_server.url, data, max_queue=2) as server:
        yield server


@pytest.fixture
def darkroom(server: Server, worker: HandWorker) -> Iterator[Darkroom]:
    with Darkroom(server.url, patience=10) as darkroom:
        yield darkroom
