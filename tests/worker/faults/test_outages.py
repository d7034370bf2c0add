"""Redis hangs and workers go on: what they hold stays theirs, at no cost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import TimeoutError as RedisTimeoutError

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import WORKER_TIMEOUT, connect
from jobs.pictures.image_store import ImageStore
from jobs.queue import leases
from jobs.queue.leases import Sweep
from jobs.records import workers
from tests.running.processes.program import Program
from tests.running.services.redis import redis_in
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.worker.conftest import SLOW, Desk
from worker.loop.rq_worker import BatchWorker
from worker.main import new_name


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that this test alone may hang."""
    with redis_in(tmp_path / "redis") as server:
        yield server


def hang_for(server: RedisServer, seconds: float) -> None:
    """Have Redis answer nobody for some seconds."""
    assert server.process is not None
    server.process.send(signal.SIGSTOP)
    time.sleep(seconds)
    server.process.send(signal.SIGCONT)


def entry(here: BatchWorker) -> str:
    """What the registry has of the one lease that a worker holds."""
    return here.board.held()[0].lease.entry


@pytest.fixture
def hang_shared(redis_server: RedisServer) -> Callable[[float], None]:
    """The same of the Redis of this test process."""
    return lambda seconds: hang_for(redis_server, seconds)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a second, so that an outage that outlasts one takes no longer."""
    monkeypatch.setattr(leases, "LEASE", 1)
    monkeypatch.setattr(leases, "BEAT", 0.1)


@contextmanager
def beating(here: BatchWorker, redis_url: str) -> Iterator[None]:
    """The beats of a worker, and the looks of another one beside it."""
    here.register_birth()  # without it RQ has nothing to show of the worker, and no beat is whole
    with connect(redis_url, timeout=WORKER_TIMEOUT) as connection:
        other = Sweep(connection)

        def look() -> None:
            while not here.board.over.wait(leases.BEAT):
                other.run()

        threads = [threading.Thread(target=each) for each in (here.beat.run, look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            here.board.over.set()
            for thread in threads:
                thread.join()


def test_a_hung_redis_takes_no_job_from_its_worker(
    here: BatchWorker, redis: Redis, redis_url: str, hang_shared: Callable[[float], None], short
):
    desk = Desk(redis, here.settler.images)
    record = desk.submit()
    registry = f"rq:wip:{record.lane}"
    assert here.intake.take()
    with beating(here, redis_url):
        for _ in range(3):
            hang_shared(leases.LEASE + 0.5)
            renewed = redis.zscore(registry, entry(here))
            until(lambda before=renewed: redis.zscore(registry, entry(here)) != before, 10)
    now = desk.read(record)
    assert (now.status, now.attempts, now.crashes) == ("running", 1, 0)
    assert not here.board.held()[0].lost


def test_a_lease_whose_taking_was_not_answered_is_kept(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk(redis, here.settler.images)
    record = desk.submit()
    answer = Pipeline.execute

    def lose_the_answer(pipe: Pipeline, *rest: bool) -> Any:
        replies = answer(pipe, *rest)
        if redis.hget(f"rq:job:{record.id}", "status") == b"started":
            monkeypatch.undo()
            raise RedisTimeoutError("Timeout reading from socket")
        return replies

    monkeypatch.setattr(Pipeline, "execute", lose_the_answer)
    with pytest.raises(RedisTimeoutError):
        here.intake.take()
    assert not here.board.held()
    assert here.intake.take()
    assert [slot.id for slot in here.board.held()] == [record.id]
    assert desk.read(record).attempts == 1


@pytest.mark.fault
def test_redis_hangs_three_times_and_the_job_goes_on_from_its_step(own_redis, tmp_path: Path):
    """The real times: 12 seconds each, leases of 10, two workers."""
    redis = connect(own_redis.url)
    pool = [WorkerProcess(redis, own_redis.url, tmp_path) for _ in range(2)]
    try:
        desk = Desk(redis, ImageStore(str(tmp_path / "images")))
        record = desk.running(desk.submit(**SLOW))
        for _ in range(3):
            hang_for(own_redis, leases.LEASE + 2)
            time.sleep(leases.BEAT)
        ended = desk.ended(record)
        assert (ended.status, ended.attempts, ended.crashes) == ("succeeded", 1, 0)
        assert ended.worker == record.worker
    finally:
        for worker in pool:
            worker.close()


def test_a_worker_that_starts_while_redis_is_full_waits_and_then_works(
    own_redis: RedisServer, tmp_path: Path
):
    redis = connect(own_redis.url)
    redis.config_set("maxmemory", 1)
    log, name = tmp_path / "worker.log", new_name()
    environment = {"REDIS_URL": own_redis.url, "DATA": str(tmp_path), "WARM_UP": "false"}
    process = Program("worker.main", "--name", name, log=log, environment=environment)
    try:
        until(lambda: "used memory" in log.read_text() or process.poll() is not None, 120)
        assert process.poll() is None, log.read_text()
        redis.config_set("maxmemory", 0)
        until(lambda: [each.name for each in workers.live(redis)] == [name])
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
