"""The API is replaced while clients call: connects wait, what was begun is answered."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from darkroom.network import tls
from darkroom.supervision import pulse, up
from darkroom.supervision.door import Door
from darkroom.supervision.process import Process
from darkroom.supervision.programs import api_command
from darkroom.supervision.supervisor import Service

PAUSE = 0.02
"""Seconds between an answer and the next call: some hundred calls a second keep the door busy, and
leave the cores to what is started."""


class Served:
    """The API as `darkroom up` runs it, and clients that call again and again, each time anew."""

    def __init__(self, folder: Path, with_tls: bool = False, options: Sequence[str] = ()) -> None:
        self.door = Door("127.0.0.1", 0)
        self.said: list[str] = []
        self.failed: list[Exception] = []
        self.answered = 0
        with socket.socket(fileno=os.dup(self.door.descriptors[0])) as listener:
            port = listener.getsockname()[1]
        self.url = f"{'https' if with_tls else 'http'}://127.0.0.1:{port}/api/v1/health"
        if with_tls:
            tls.ensure(folder / "tls", ["127.0.0.1"])
        self._trusted = (
            ssl.create_default_context(cafile=folder / "tls" / tls.AUTHORITY) if with_tls else False
        )
        environment = {
            "DATA": str(folder),
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "TLS": str(with_tls),
            "PORT": str(port),
            "HOST": "127.0.0.1",
        }
        self.service = Service(
            "API",
            lambda: Process(
                [*api_command(self.door.descriptors), *options],
                log=folder / "api.log",
                environment=environment,
                keep=self.door.descriptors,
            ),
            10,
            farewell=up.FAREWELL,
        )
        self.over = threading.Event()
        self._clients = [threading.Thread(target=self._call) for _ in range(4)]

    def _call(self) -> None:
        while not self.over.is_set():
            try:
                with httpx.Client(verify=self._trusted, timeout=60) as client:
                    client.get(self.url).raise_for_status()
                self.answered += 1
                self.over.wait(PAUSE)
            except (httpx.HTTPError, OSError) as error:
                self.failed.append(error)
                self.over.wait(0.05)

    def start(self) -> None:
        for client in self._clients:
            client.start()

    def answers(self, more: int) -> None:
        """Look after it until it has answered so many more."""
        wanted, end = self.answered + more, time.monotonic() + 60
        while self.answered < wanted:
            assert time.monotonic() < end
            self.service.tend(self.said.append)
            time.sleep(0.02)

    def kill(self) -> None:
        assert self.service.process
        os.kill(self.service.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.over.set()
        for client in self._clients:
            if client.is_alive():
                client.join()
        self.service.send(signal.SIGTERM)
        if self.service.process:
            self.service.process.stop(10)
        self.service.close()
        self.door.close()


@pytest.fixture(params=[pytest.param("http", marks=pytest.mark.slow), "https"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path, request.param == "https")
    yield made
    made.close()


@pytest.mark.fault
def test_no_request_fails_when_gunicorn_is_killed_with_clients_at_the_door(served: Served):
    served.start()
    served.answers(20)  # they waited for the very first one, too
    first = served.service.process
    served.kill()
    served.answers(1)
    while served.service.process in (first, None):
        served.answers(1)
    served.answers(100)
    assert served.failed == []
    assert served.said == ["API ended (killed by SIGKILL); starting it again now."]


@pytest.mark.slow
def test_an_api_that_takes_long_to_import_is_not_taken_for_dead(tmp_path: Path):
    served = Served(tmp_path, options=["--timeout", "2", "tests.running.processes.slow_api:app"])
    try:
        served.start()
        served.answers(1)
        assert "WORKER TIMEOUT" not in (tmp_path / "api.log").read_text()
        assert (served.failed, served.said) == ([], [])
    finally:
        served.close()


def test_an_api_counts_as_hung_from_its_first_answer_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pulse, "HUNG", 0)
    api = pulse.Pulse()
    assert not api.is_hung(), "it is importing"
    api.answered()
    assert api.is_hung()
    api.started()
    assert not api.is_hung()
