"""The API under gunicorn, as `darkroom up` runs it, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running.addresses import free_port
from tests.running.paths import API
from tests.running.processes.program import Program
from tests.running.waiting import until

START = 60.0
"""Seconds the API may take to answer on a busy machine."""


class Server:
    """The API on a port that it keeps when it is stopped and started again."""

    def __init__(self, redis_url: str, data: Path, **settings: object) -> None:
        port = free_port()
        self.url = f"{'https' if settings.get('tls') else 'http'}://127.0.0.1:{port}"
        self.log = data / "server.log"
        self._folder = data
        self._environment = {
            "REDIS_URL": redis_url,
            "DATA": str(data),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        self.start()

    def start(self) -> None:
        """Start it; it answers when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        began = self.log.stat().st_size if self.log.exists() else 0
        self.process = Program(
            "gunicorn",
            *("-c", "python:server.serving.gunicorn_config"),
            log=self.log,
            folder=self._folder,
            environment=self._environment,
        )
        until(lambda: self._answers() or self.process.poll() is not None, START)
        said = self.log.read_text(errors="replace")[began:]
        assert self.process.poll() is None, f"gunicorn has ended:\n{said[-3000:]}"

    def _answers(self) -> bool:
        try:
            # Whom to trust is for the tests to say.
            httpx.get(f"{self.url}{API}/health", timeout=2, verify=False)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        """Stop it as an operator does: requests and streams may end first."""
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        """kill -9 of the API and all that it started."""
        self.process.kill()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url + API, timeout=20)


@contextmanager
def gunicorn(redis_url: str, data: Path, **settings: object) -> Iterator[Server]:
    """The API with these settings, for as long as the block lasts."""
    server = Server(redis_url, data, **settings)
    try:
        yield server
    finally:
        server.kill()
