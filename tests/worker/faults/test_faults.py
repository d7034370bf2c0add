"""Processes are killed, stopped and cut off; no job is lost and each has one result."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.lists import standing
from jobs.pictures.image_store import ImageStore
from jobs.queue import leases
from jobs.records import events
from tests.running.services.redis import redis_in
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.worker.conftest import SLOW, Desk

LONG = {"steps": 30}
"""Still under way when a test that saw its first steps acts, and soon made again."""


def done_events(desk, record):
    stream = desk.redis.xrange(events.job_stream(record.id))
    return [e for _, f in stream if (e := events.parse(f[b"data"])).event == "done"]


def kill(server: RedisServer) -> None:
    """kill -9 of Redis."""
    assert server.process is not None
    server.process.kill_group()
    server.process.stop(grace=5)


@pytest.mark.fault
def test_jobs_of_a_killed_worker_run_again_and_give_the_same_pictures(start):
    worker, desk = start()
    asked = {"steps": 10, "exact": True}
    alone = desk.picture(desk.ended(desk.submit(**asked, seed=0)))
    jobs = [desk.submit(f"caller{i}", **asked, seed=i) for i in range(4)]
    desk.running(jobs[0], 2)
    worker.kill()
    killed = time.monotonic()
    assert leases.end_leases(desk.redis, worker.name) == 4
    assert time.monotonic() - killed < 1
    assert {desk.read(job).status for job in jobs} == {"queued"}
    worker.start()
    ended = [desk.ended(job) for job in jobs]
    assert [(job.status, job.attempts) for job in ended] == [("succeeded", 2)] * 4
    assert desk.picture(ended[0]) == alone
    assert all(len(done_events(desk, job)) == 1 for job in jobs)


@pytest.mark.slow
def test_without_a_supervisor_the_lease_runs_out_and_the_job_runs_elsewhere(start):
    first, desk = start()
    second, _ = start()
    record = desk.running(desk.submit(**LONG))
    holder, other = (first, second) if record.worker == first.name else (second, first)
    holder.kill()
    until(lambda: desk.read(record).worker == other.name, 15)
    assert desk.ended(record).status == "succeeded"


@pytest.mark.fault
def test_a_worker_that_was_paused_past_its_lease_cannot_publish(start):
    paused, desk = start()
    record = desk.running(desk.submit(**LONG))
    paused.send(signal.SIGSTOP)
    other, _ = start()
    until(lambda: desk.read(record).worker == other.name, 20)
    paused.send(signal.SIGCONT)
    ended = desk.ended(record)
    assert (ended.status, ended.worker, ended.attempts) == ("succeeded", other.name, 2)
    until(lambda: f"job {record.id} is no longer ours" in paused.log(), 15)
    assert len(done_events(desk, record)) == 1


@pytest.mark.fault
def test_a_warm_stop_finishes_what_runs_and_takes_nothing_new(start):
    worker, desk = start(capacity=1)
    running, waiting = desk.submit(**LONG), desk.submit(**LONG)
    desk.running(running)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    assert desk.read(running).status == "succeeded"
    assert desk.read(waiting).status == "queued"
    assert worker.info is None


@pytest.mark.slow
def test_a_cold_stop_gives_jobs_back_to_the_front_at_no_cost(start):
    worker, desk = start(capacity=1)
    running, waiting = desk.submit(**SLOW), desk.submit(**LONG)
    desk.running(running)
    worker.send(signal.SIGTERM)
    time.sleep(0.3)  # two signals at once are one
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    back = desk.read(running)
    assert (back.status, back.attempts, back.crashes) == ("queued", 0, 0)
    lane = desk.redis.lrange(f"rq:queue:{back.lane}", 0, -1)
    assert lane == [running.id.encode(), waiting.id.encode()]


def test_a_job_survives_a_restart_of_redis(tmp_path: Path):
    with redis_in(tmp_path / "redis") as server:
        redis = connect(server.url)
        worker = WorkerProcess(redis, server.url, tmp_path)
        try:
            desk = Desk(redis, ImageStore(str(tmp_path / "images")))
            # By itself it would be on disk within a second.
            redis.config_set("appendfsync", "always")
            running, waiting = desk.submit(steps=40), desk.submit("bert", steps=3)
            desk.running(running)
            kill(server)
            until(lambda: "missed a heartbeat" in worker.log())
            server.start()
            assert desk.ended(running).status == "succeeded"
            assert desk.ended(waiting).status == "succeeded"
            assert worker.process.poll() is None
        finally:
            worker.close()


def test_a_store_that_takes_nothing_delays_the_picture_and_loses_nothing(start):
    worker, desk = start()
    blocked = worker.data / "images"
    blocked.write_text("a file where the folder should be")
    record = desk.submit(steps=2)
    until(lambda: "cannot store a picture" in worker.log())
    assert desk.read(record).status == "running"
    blocked.unlink()
    assert desk.ended(record).status == "succeeded"
    assert desk.picture(record=desk.read(record)).startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_caller_with_one_job_does_not_wait_for_anothers_hundred(start):
    _, desk = start(capacity=1)
    running = desk.running(desk.submit("greedy", **LONG))
    greedy = [desk.submit("greedy", steps=1) for _ in range(5)]
    modest = desk.submit("modest", steps=1)
    for record in (running, modest, *greedy):
        desk.ended(record)
    started = sorted((desk.read(each).started_at, each.id) for each in (*greedy, modest))
    assert [job_id for _, job_id in started].index(modest.id) <= 1


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_no_job_is_lost_over_many_kills_of_workers_and_redis(tmp_path: Path):
    """Kills for two minutes, from a fixed seed; every accepted job then ends with one result."""
    chance = random.Random(20)
    with redis_in(tmp_path / "redis") as server:
        redis = connect(server.url, retries=3)
        pool = [WorkerProcess(redis, server.url, tmp_path) for _ in range(2)]
        desk = Desk(redis, ImageStore(str(tmp_path / "images")))
        accepted = []
        try:
            end = time.monotonic() + 120
            while time.monotonic() < end:
                for _ in range(3):
                    accepted.append(desk.submit(chance.choice("abc"), steps=chance.randint(1, 20)))
                time.sleep(chance.uniform(2, 6))
                victim = chance.choice(pool)
                match chance.choice(["kill", "kill", "pause", "redis"]):
                    case "kill":
                        victim.kill()
                        leases.end_leases(redis, victim.name)
                        victim.start()
                    case "pause":
                        victim.send(signal.SIGSTOP)
                        time.sleep(leases.LEASE + 3)
                        victim.send(signal.SIGCONT)
                    case _:
                        time.sleep(1.5)
                        kill(server)
                        server.start()
            ended = [desk.ended(record, 300) for record in accepted]
        finally:
            for worker in pool:
                worker.close()
        assert len(ended) > 30
        assert {record.status for record in ended} <= {"succeeded", "failed"}
        assert all(r.status == "succeeded" or r.error.code == "worker_died" for r in ended)
        assert all(len(done_events(desk, record)) == 1 for record in ended)
        assert all(standing.look(redis).position(record) is None for record in ended)
