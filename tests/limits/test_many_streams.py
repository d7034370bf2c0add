"""Hundreds of event streams on one process: all ends come, whatever one client does."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from redis import Redis

from jobs.records.events import PreviewEvent, publish_live
from server.streams.subscription import MAX_PREVIEWS, Live, Subscription
from tests.running.addresses import free_port
from tests.running.api import Server, gunicorn
from tests.running.clients.crowd import Listener, crowd
from tests.running.commands import commands
from tests.running.hand_worker import HandWorker
from tests.running.paths import API, REPOSITORY
from tests.running.waiting import until

JOBS = 10

FLAT = 6e6
"""Bytes that three rounds of events may add once there were some."""

LARGEST = 150e3
"""Bytes of one stream at most, its thread among them."""


@contextmanager
def api(redis_url: str, data: Path, streams: int) -> Iterator[Server]:
    settings = {"sse_clients": streams, "sse_clients_per_caller": streams}
    with gunicorn(redis_url, data, **settings) as server:
        yield server


def create(server: Server, count: int = JOBS) -> list[str]:
    with server.client() as client:
        answers = [client.post("jobs", json={"prompt": "red apple"}) for _ in range(count)]
    return [answer.json()["id"] for answer in answers]


def run(worker: HandWorker, jobs: list[str], steps: int = 3) -> None:
    for job_id in jobs:
        worker.begin(job_id)
        for step in range(steps):
            worker.progress(job_id, step)
        worker.finish(job_id)


def paths(jobs: list[str], followers: int, owners: int) -> list[str]:
    """Streams of these jobs, each of several followers, and of all jobs of their owner."""
    return [
        *(f"{API}/jobs/{jobs[number % len(jobs)]}/events" for number in range(followers)),
        *[f"{API}/events"] * owners,
    ]


def all_begun(listeners: list[Listener]) -> None:
    """Wait until every stream has begun."""
    until(lambda: all(each.begun or each.ended for each in listeners))
    assert {each.status for each in listeners} == {200}


def all_told(listeners: list[Listener], jobs: list[str]) -> None:
    """Wait until each has heard all ends that are for it, each once and in order."""
    owners = [each for each in listeners if each.path == f"{API}/events"]
    followers = [each for each in listeners if each.path != f"{API}/events"]
    until(lambda: all(len(each.done) >= len(jobs) for each in owners))
    until(lambda: all(each.ended for each in followers))
    assert all(each.done == jobs for each in owners)
    assert all(each.done == [each.path.split("/")[-2]] for each in followers)
    assert not any(each.ended for each in owners)


def process_of(server: Server) -> psutil.Process:
    return psutil.Process(server.process.pid).children()[0]


@pytest.mark.slow
def test_three_hundred_streams_all_get_every_end(redis_url: str, data: Path, worker: HandWorker):
    with api(redis_url, data, 300) as server:
        jobs = create(server)
        with crowd(server.url, paths(jobs, 150, 150)) as listeners:
            all_begun(listeners)
            run(worker, jobs)
            all_told(listeners, jobs)


def test_an_event_is_read_once_however_many_follow(
    redis: Redis, redis_url: str, data: Path, worker: HandWorker
):
    with api(redis_url, data, 120) as server:
        counted: list[int] = []
        for streams in (2, 100):
            jobs = create(server)
            with crowd(server.url, paths(jobs, 0, streams)) as listeners:
                all_begun(listeners)
                with commands(redis) as asked:
                    run(worker, jobs)
                    all_told(listeners, jobs)
            counted.append(len(asked.all))
    few, many = counted
    assert many <= few + 5 * JOBS


@pytest.mark.slow
def test_what_a_crowd_missed_is_read_once_when_it_comes_back(
    redis: Redis, redis_url: str, data: Path, worker: HandWorker
):
    with api(redis_url, data, 120) as server:
        missed_from = redis.time()[0] * 1000
        jobs = create(server)
        run(worker, jobs)
        back = [f"{API}/events?last_event_id={missed_from}-0"] * 100
        with commands(redis) as asked, crowd(server.url, back) as listeners:
            all_begun(listeners)
            until(lambda: all(len(each.done) >= JOBS for each in listeners))
        assert all(each.done == jobs for each in listeners)
    assert asked.all.count("HGETALL") <= 3 * JOBS


def test_streams_that_stand_still_ask_redis_nothing(
    redis: Redis, redis_url: str, data: Path, worker: HandWorker
):
    with api(redis_url, data, 120) as server, crowd(server.url, paths(["x"], 0, 100)) as listeners:
        all_begun(listeners)
        with commands(redis) as asked:
            # One whole wait of the reader is in it.
            threading.Event().wait(2.2)
    assert len(asked.all) <= 6


def test_clients_that_do_not_read_hold_up_nobody(
    redis: Redis, redis_url: str, data: Path, worker: HandWorker
):
    with api(redis_url, data, 60) as server, ExitStack() as stack:
        jobs = create(server)
        host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
        for _ in range(20):
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((host, port))
            deaf.sendall(f"GET {API}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        listeners = stack.enter_context(crowd(server.url, paths(jobs, 0, 30)))
        all_begun(listeners)
        before = process_of(server).memory_info().rss
        for number in range(600):
            preview = PreviewEvent(job=jobs[number % JOBS], index=0, image="x" * 40_000)
            publish_live(redis, "local", preview)
        run(worker, jobs)
        all_told(listeners, jobs)
        assert process_of(server).memory_info().rss - before < 60e6


def test_previews_of_a_client_that_does_not_read_are_bounded_however_large_they_are():
    subscription = Subscription("s", "local", None, live=True)
    for number in range(200):
        large = PreviewEvent(job=str(number), index=0, image="x" * (MAX_PREVIEWS // 5))
        subscription.offer_live(Live(large))
    kept: list[Live] = []
    while isinstance(item := subscription.next(0), Live):
        kept.append(item)
    assert [each.event.job for each in kept] == ["195", "196", "197", "198", "199"]


def test_the_server_may_open_as_many_files_as_its_clients_need(redis_url: str, tmp_path: Path):
    port = free_port()
    script = 'ulimit -Sn 300; exec "$0" -m gunicorn -c python:server.serving.gunicorn_config'
    settings = {"REDIS_URL": redis_url, "DATA": str(tmp_path), "PORT": str(port)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", script, sys.executable],
            env={**os.environ, **settings, "HOST": "127.0.0.1", "SSE_CLIENTS": "400"},
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
        )
    try:
        until(psutil.Process(process.pid).children)
        served = psutil.Process(process.pid).children()[0]
        soft, _ = resource.prlimit(served.pid, resource.RLIMIT_NOFILE)
        # A client is one, and so is the connection to Redis of the thread that serves it.
        assert soft > 2 * 400 + 1000
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_streams_cost_the_same_whatever_happens(
    redis_url: str, data: Path, worker: HandWorker, capsys: pytest.CaptureFixture[str]
):
    with api(redis_url, data, 1000) as server:
        process = process_of(server)
        alone = process.memory_info().rss
        sizes: list[int] = []
        told: list[str] = []
        with crowd(server.url, paths(["x"], 0, 800)) as owners:
            all_begun(owners)
            for _ in range(10):
                jobs = create(server)
                with crowd(server.url, paths(jobs, 200, 0)) as followers:
                    all_begun(followers)
                    run(worker, jobs)
                    all_told(followers, jobs)
                told += jobs
                all_told(owners, told)
                sizes.append(process.memory_info().rss - alone)
        with capsys.disabled():
            print(f"\nMB of 1,000 streams, by rounds: {[round(each / 1e6) for each in sizes]}")
        # Threads come to be, and each touches its stack, until all have had a client.
        assert sizes[-1] < LARGEST * 1000
        assert sizes[-1] - sizes[-4] < FLAT
