"""Redis behind Sentinels: a real failover, and what each process makes of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from jobs import sentinel
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.records.record import read
from jobs.webhooks import outbox
from tests.running.addresses import free_port
from tests.running.api import Server, gunicorn
from tests.running.clients.sse import Events
from tests.running.hand_worker import HandWorker
from tests.running.processes.program import Program
from tests.running.processes.up import Running, command
from tests.running.services.redis import elapse
from tests.running.services.sentinel import Watched, watched_in
from tests.running.waiting import until
from tests.running.worker import WorkerProcess


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watched_in(tmp_path) as watched:
        yield watched


@pytest.fixture
def redis(watched: Watched) -> Iterator[Redis]:
    with connect(watched.url) as redis:
        yield redis


def submit(server: Server, **fields: object) -> httpx.Response:
    with server.client() as client:
        return client.post("jobs", json={"prompt": "red apple", **fields})


def submitted_again(server: Server) -> str:
    """A job that is taken once the other Redis is master. Meanwhile it is 503, and no other."""
    end = time.monotonic() + 30
    while (answer := submit(server)).status_code != 202:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"]
        assert time.monotonic() < end
        time.sleep(0.1)
    return answer.json()["id"]


@pytest.mark.fault
def test_the_api_its_streams_webhooks_and_commands_go_on_after_a_failover(
    watched: Watched, redis: Redis, data: Path, tmp_path: Path
):
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    environment = {"REDIS_URL": watched.url, "DATA": str(tmp_path), "PORT": "1"}
    webhooks = Program("server.deliverer", log=tmp_path / "webhooks.log", environment=environment)
    with gunicorn(watched.url, data) as server:
        before = submit(server).json()["id"]
        with server.client() as client, client.stream("GET", "events") as stream:
            events = iter(Events(stream.iter_lines()))
            last = [next(events) for _ in range(2)][-1]["id"]
        until(lambda: outbox.lives(redis, socket.gethostname()))
        watched.fail_over(redis)
        after = submitted_again(server)
        elapse(redis, outbox.LIVES)
        worker.advertise()
        for job in (before, after):
            worker.run(job)
        headers = {"Last-Event-ID": last}
        with server.client() as client, client.stream("GET", "events", headers=headers) as stream:
            ends = Events(stream.iter_lines()).named("done")
            assert [next(ends)["data"]["job"] for _ in range(2)] == [before, after]
        until(lambda: outbox.lives(redis, socket.gethostname()))
        asked = command("devices", **environment)
        assert asked.returncode == 0, asked.stderr
        looked = command("doctor", **environment)
        assert "answers at pictures by the Sentinels 127.0.0.1:" in looked.stdout
    assert webhooks.poll() is None
    webhooks.kill()


@pytest.mark.slow
def test_the_supervisor_starts_on_the_master_and_says_whose_it_is(watched: Watched, tmp_path: Path):
    started = Running(tmp_path / "data", free_port(), REDIS_URL=watched.url)
    try:
        started.wait_for("at pictures by the Sentinels 127.0.0.1:")
        started.wait_for("Ready after")
    finally:
        started.end()


@pytest.mark.slow
def test_a_worker_makes_what_waits_after_a_failover(
    watched: Watched, redis: Redis, data: Path, tmp_path: Path
):
    worker = WorkerProcess(redis, watched.url, tmp_path)
    try:
        with gunicorn(watched.url, tmp_path) as server:
            running = submit(server, steps=100).json()["id"]
            until(lambda: (record := read(redis, running)) and record.status == "running")
            watched.fail_over(redis)
            after = submitted_again(server)
            for job in (running, after):
                until(lambda job=job: (record := read(redis, job)) and record.status == "succeeded")
        record = read(redis, running)
        assert record
        assert record.crashes == 0
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("url", "hosts", "name", "database"),
    [
        ("redis+sentinel://a/m", [("a", 26379)], "m", 0),
        ("redis+sentinel://a:1,b:2,[::1]:3/m/4", [("a", 1), ("b", 2), ("::1", 3)], "m", 4),
    ],
)
def test_a_url_names_sentinels_master_and_database(
    url: str, hosts: list[tuple[str, int]], name: str, database: int
):
    with sentinel.connect(url) as client:
        pool = client.connection_pool
        asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
        assert [(each["host"], each["port"]) for each in asked] == hosts
        assert pool.service_name == name
        assert pool.connection_kwargs.get("db", 0) == database


def test_each_part_has_its_own_password_and_tls_is_for_both():
    url = "rediss+sentinel://u:p%40w@a/m?sentinel_password=s&ssl_ca_certs=/ca.pem"
    with sentinel.connect(url) as client:
        pool = client.connection_pool
        own, asked = pool.connection_kwargs, pool.sentinel_manager.sentinel_kwargs
        assert (own["username"], own["password"], asked["password"]) == ("u", "p@w", "s")
        assert "username" not in asked
        assert own["ssl_ca_certs"] == asked["ssl_ca_certs"] == "/ca.pem"
        assert asked["ssl"]
        assert "SSL" in pool.connection_class.__name__


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a",
        "redis+sentinel:///m",
        "redis+sentinel://a:x/m",
        "redis+sentinel://a/m/x",
    ],
)
def test_a_url_that_is_none_is_told_how_one_is(url: str):
    with pytest.raises(ValueError, match="is like"):
        connect(url)
