"""The API with limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.pictures.image_store import ImageStore
from jobs.settings import settings
from tests.running.apps import Apps
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
    redis_url: str, data: Path, apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., FlaskClient]]:
    """A client of the API with these settings."""

    def make(**limits: object) -> FlaskClient:
        for name, value in limits.items():
            monkeypatch.setenv(name.upper(), str(value))
        settings.cache_clear()
        return apps.one(redis_url, str(data / "images")).test_client()

    yield make
    monkeypatch.undo()
    settings.cache_clear()
