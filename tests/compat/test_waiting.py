"""A request that waits for its job: it gives up its place with its client, and holds little."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from openai import ConflictError, InternalServerError, OpenAI
from redis import Redis

from darkroom.network import tls
from darkroom.supervision.redis_server import RedisServer
from jobs.pictures.image_store import ImageStore
from jobs.records.record import JobRecord
from tests.compat.openai.client import connect, jobs
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.waiting import until

SEATS = 3

generations = pytest.mark.endpoint("POST /v1/images/generations")


@pytest.fixture(scope="module")
def narrow(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    """A server with room for few that wait, and little patience with bodies."""
    data = tmp_path_factory.mktemp("narrow")
    with gunicorn(redis_server.url, data, sse_clients=SEATS, body_timeout=1) as server:
        yield server, data


@pytest.fixture
def worker(redis: Redis, narrow: tuple[Server, Path]) -> HandWorker:
    worker = HandWorker(redis, ImageStore(str(narrow[1] / "images")))
    worker.advertise()
    return worker


@pytest.fixture
def openai(narrow: tuple[Server, Path]) -> Iterator[OpenAI]:
    with connect(narrow[0].url, timeout=30) as client:
        yield client


def ask(address: str, stream: bool = False, context: ssl.SSLContext | None = None) -> socket.socket:
    """A request whose connection the test can close when it likes."""
    host, port = address.rpartition("/")[2].split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    if context is not None:
        connection = context.wrap_socket(connection, server_hostname=host)
    body = json.dumps({"prompt": "x", "stream": stream}).encode()
    head = (
        f"POST /v1/images/generations HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def job_of(redis: Redis) -> Callable[[], JobRecord]:
    until(lambda: jobs(redis), 10)
    return lambda: jobs(redis)[0]


@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_queued_job_is_canceled_when_its_client_hangs_up(
    worker: HandWorker, narrow: tuple[Server, Path], stream: bool
):
    connection = ask(narrow[0].url, stream)
    job = job_of(worker.redis)
    time.sleep(1.2)
    assert job().status == "queued"
    connection.close()
    until(lambda: job().status == "canceled", 10)


@pytest.mark.parametrize("stream", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_running_job_goes_on_when_its_client_hangs_up(
    worker: HandWorker, narrow: tuple[Server, Path], stream: bool
):
    connection = ask(narrow[0].url, stream)
    job = job_of(worker.redis)
    worker.begin(job().id)
    connection.close()
    time.sleep(3)
    assert job().status == "running"
    assert not job().cancel_requested
    worker.finish(job().id)
    assert job().status == "succeeded"


@pytest.mark.slow
def test_a_client_that_hangs_up_is_noticed_through_tls_too(
    redis_server: RedisServer, redis: Redis, tmp_path: Path
):
    tls.ensure(tmp_path / "tls", ["127.0.0.1"])
    with gunicorn(redis_server.url, tmp_path, tls=True) as server:
        HandWorker(redis, ImageStore(str(tmp_path / "images"))).advertise()
        trusting = ssl.create_default_context(cafile=tmp_path / "tls" / tls.AUTHORITY)
        connection = ask(server.url, context=trusting)
        job = job_of(redis)
        time.sleep(1.2)
        assert job().status == "queued"
        connection.close()
        until(lambda: job().status == "canceled", 10)


@generations
def test_more_that_wait_than_there_is_room_for_are_told_to_come_back(
    worker: HandWorker, narrow: tuple[Server, Path], openai: OpenAI
):
    connections = [ask(narrow[0].url, stream=True) for _ in range(SEATS)]
    # A job is there a moment before its client has its place.
    for connection in connections:
        assert connection.recv(5) == b"HTTP/"
    assert len(jobs(worker.redis)) == SEATS
    with pytest.raises(InternalServerError) as error:
        openai.images.generate(prompt="one more")
    assert error.value.status_code == 503
    assert int(error.value.response.headers["Retry-After"]) > 0
    assert "x-should-retry" not in error.value.response.headers
    assert error.value.code == "too_many_waiting"
    assert f"at most {SEATS} of all callers" in error.value.message
    newest = jobs(worker.redis)[0]
    assert (newest.request.prompt, newest.status) == ("one more", "canceled")
    # Those that wait hold a thread each: others are answered.
    assert [model.id for model in openai.models.list()] == ["small"]
    for connection in connections:
        connection.close()
    until(lambda: {each.status for each in jobs(worker.redis)} == {"canceled"}, 10)
    with ThreadPoolExecutor() as pool:
        made = pool.submit(openai.images.generate, prompt="there is room again")
        until(lambda: jobs(worker.redis)[0].status == "queued", 10)
        worker.run(jobs(worker.redis)[0].id)
        assert len(made.result(20).data) == 1


@generations
def test_a_client_that_waits_is_told_that_somebody_canceled_its_job(
    worker: HandWorker, narrow: tuple[Server, Path], openai: OpenAI
):
    with ThreadPoolExecutor() as pool, narrow[0].client() as client:
        made = pool.submit(openai.with_options(max_retries=2).images.generate, prompt="x")
        job = job_of(worker.redis)
        client.post(f"/jobs/{job().id}/cancel").raise_for_status()
        with pytest.raises(ConflictError, match="canceled"):
            made.result(30)
    assert len(jobs(worker.redis)) == 1


@pytest.mark.parametrize("path", ["generations", "edits"])
def test_a_body_that_does_not_come_is_told_so_in_the_envelope(
    narrow: tuple[Server, Path], path: str
):
    host, port = narrow[0].url.rpartition("/")[2].split(":")
    kind = "application/json" if path == "generations" else "multipart/form-data; boundary=x"
    head = (
        f"POST /v1/images/{path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + b'{"prompt": "')
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code": "request_timeout"' in answer
