"""What every folder of tests shares: a real Redis, emptied around each test."""

from __future__ import annotations

import os

# Tiny models are slower on two threads than on one, half the time of a whole run: what a step
# does is less than what the threads tell each other. Workers that the tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from tests.server.helpers import API, REPOSITORY, gunicorn
from tests.web.browser import NO_CHROMIUM

SLOWEST = ("test_faults.py", "test_gallery.py", "test_live.py", "test_up.py")
"""Files that take minutes: begun first, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""
    items.sort(key=lambda item: item.path.name not in SLOWEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says last, where nobody overlooks it, that the page was not tested in a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(NO_CHROMIUM in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.section("NOT TESTED", red=True, bold=True)
        terminalreporter.line(
            f"{left_out} tests in a browser were left out: {NO_CHROMIUM}", red=True
        )


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


@pytest.fixture
def live_url(redis_url: str, tmp_path: Path) -> Iterator[str]:
    """The API and one worker, ready."""
    environment = {**os.environ, "REDIS_URL": redis_url, "DATA": str(tmp_path)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    with gunicorn(redis_url, tmp_path) as server, (tmp_path / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "worker.main"]
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        try:
            deadline = time.monotonic() + 90
            while httpx.get(f"{server.url}{API}/ready", timeout=5).status_code != 200:
                said = (tmp_path / "worker.log").read_text()[-3000:]
                assert worker.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.2)
            yield server.url
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
