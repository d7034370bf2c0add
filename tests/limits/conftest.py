"""The API with limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.pictures.image_store import ImageStore
from jobs.settings import settings
from server.app import create_app
from server.resources import of
from tests.running.hand_worker import HandWorker


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def worker(redis: Redis, data: Path) -> HandWorker:
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    return worker


@pytest.fixture
def limited(
    redis_url: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., FlaskClient]]:
    """A client of the API with these settings."""
    apps = []

    def make(**limits: object) -> FlaskClient:
        for name, value in limits.items():
            monkeypatch.setenv(name.upper(), str(value))
        settings.cache_clear()
        apps.append(create_app(redis_url, str(data / "images")))
        return apps[-1].test_client()

    yield make
    for app in apps:
        of(app).close()
    monkeypatch.undo()
    settings.cache_clear()
