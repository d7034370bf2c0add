"""A receiver of webhooks on loopback, and what sends them in a process of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.pictures.image_store import ImageStore
from jobs.settings import settings
from tests.running.apps import Apps
from tests.running.hand_worker import HandWorker
from tests.running.processes.program import Program


@dataclass
class Received:
    """One request of a webhook."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """Answers each webhook with the next of `answers`, or 204 where there is none left."""

    url: str = ""
    answers: list[int | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def wait(self, count: int, seconds: float = 15) -> list[Received]:
        """The first requests, as soon as there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} webhooks came"
            time.sleep(0.02)
        return self.received[:count]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.path, headers, body, time.time()))
            answer = state.answers.pop(0) if state.answers else 204
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            if 300 <= answer < 400:
                self.send_header("Location", state.url + "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *arguments: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loopback is allowed to the API of this process, as it is to every deliverer here."""
    monkeypatch.setenv("WEBHOOK_ALLOW", "127.0.0.0/8")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def client(redis_url: str, data: Path, allow: None, apps: Apps) -> FlaskClient:
    return apps.one(redis_url, str(data / "images")).test_client()


@pytest.fixture
def worker(redis: Redis, data: Path) -> HandWorker:
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    return worker


@contextmanager
def deliverer(redis_url: str, data: Path, **chosen: object) -> Iterator[Program]:
    """`python -m server.deliverer`, as `darkroom up` runs it, with short waits."""
    usual = {"webhook_allow": "127.0.0.0/8", "webhook_backoff": 0.1, "webhook_timeout": 1}
    settings = {name.upper(): str(value) for name, value in {**usual, **chosen}.items()}
    process = Program(
        "server.deliverer",
        log=data / "webhooks.log",
        folder=data,
        environment={"REDIS_URL": redis_url, "DATA": str(data), **settings},
    )
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture
def sending(redis_url: str, data: Path) -> Iterator[Program]:
    with deliverer(redis_url, data) as process:
        yield process
