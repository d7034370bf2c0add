"""The client on the real API: with a worker moved by hand, or a real one with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from darkroom_client import Darkroom
from redis import Redis

from darkroom.supervision.process import Process
from darkroom.supervision.programs import api_command
from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from tests.server.helpers import HandWorker, Server, free_port, gunicorn
from tests.worker.process import WorkerProcess, until


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


class Studio:
    """A real worker, and the API on a port that it keeps when it is killed and started again."""

    def __init__(self, redis_url: str, data: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = data / "server.log"
        self._environment = {"REDIS_URL": redis_url, "DATA": str(data), "PORT": str(port)}
        self.start()

    def start(self) -> None:
        self._process = Process(api_command(), log=self._log, environment=self._environment)
        until(self._answers)

    def kill(self) -> None:
        """kill -9 the API and all that it started."""
        self._process.kill_group()
        until(lambda: self._process.exit_code() is not None)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).is_success
        except httpx.TransportError:
            assert self._process.exit_code() is None, self._process.last_lines()
            return False


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    data = tmp_path_factory.mktemp("studio")
    with RedisServer(data / "redis") as redis, connect(redis.url) as client:
        worker = WorkerProcess(client, redis.url, data)
        studio = Studio(redis.url, data)
        yield studio
        studio.kill()
        worker.close()
