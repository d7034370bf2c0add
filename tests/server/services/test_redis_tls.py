"""A Redis by TLS: every process speaks it, and trusts whom it was told to trust alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.webhooks import outbox
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.running.processes.program import Program
from tests.running.processes.up import command
from tests.running.services.tls import by_itself, through_a_relay
from tests.running.waiting import until
from tests.running.worker import WorkerProcess


@pytest.fixture(params=[through_a_relay, by_itself])
def secure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis that speaks TLS."""
    opened: AbstractContextManager[str] = request.param(tmp_path)
    try:
        url = opened.__enter__()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield url
    opened.__exit__(None, None, None)


@pytest.fixture
def redis(secure: str) -> Iterator[Redis]:
    with connect(secure) as redis:
        yield redis


def test_the_api_its_streams_webhooks_and_commands_speak_tls(
    secure: str, redis: Redis, data: Path, tmp_path: Path
):
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    environment = {"REDIS_URL": secure, "DATA": str(tmp_path), "PORT": "1"}
    webhooks = Program("server.deliverer", log=tmp_path / "webhooks.log", environment=environment)
    with gunicorn(secure, data) as server, server.client() as client:
        job = client.post("jobs", json={"prompt": "red apple"}).json()["id"]
        worker.run(job)
        assert '"event":"done"' in client.get(f"{server.url}{API}/jobs/{job}/events").text
    asked = command("devices", **environment)
    assert asked.returncode == 0, asked.stderr
    assert "answers at 127.0.0.1" in command("doctor", **environment).stdout
    until(lambda: outbox.lives(redis, socket.gethostname()))
    webhooks.kill()


@pytest.mark.slow
def test_a_worker_speaks_tls(secure: str, redis: Redis, tmp_path: Path):
    worker = WorkerProcess(redis, secure, tmp_path)
    try:
        with gunicorn(secure, tmp_path) as server, server.client() as client:
            asked = {"prompt": "red apple", "steps": 1}
            answer = client.post("jobs", json=asked, headers={"Prefer": "wait=15"})
            assert answer.json()["status"] == "succeeded"
    finally:
        worker.close()


def test_a_redis_of_another_authority_is_not_trusted(secure: str):
    with (
        connect(secure.partition("?")[0], retries=0) as redis,
        pytest.raises(RedisConnectionError, match="certificate verify failed"),
    ):
        redis.ping()
