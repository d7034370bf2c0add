"""Who runs with whom after a worker died, so that a job which kills workers is found quickly."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis

from jobs.queue import leases
from jobs.queue.suspects import SUSPECTS
from jobs.records import workers
from jobs.records.events import ENDED
from jobs.records.record import JobRecord
from jobs.records.workers import WorkerInfo
from tests.card import make_card
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.worker.conftest import Desk
from worker.loop.board import Board
from worker.loop.intake.isolation import Isolation

LONG = {"steps": 12}
Start = Callable[..., tuple[WorkerProcess, Desk]]


def crash(worker: WorkerProcess, desk: Desk) -> None:
    """kill -9 of a worker, as its supervisor sees it: leases end at once, a new one starts."""
    dead = worker.name
    worker.kill()
    worker.start()
    leases.end_leases(desk.redis, dead)


def overlap(one: JobRecord, other: JobRecord) -> bool:
    """Whether two jobs were under way at the same time."""
    return one.started_at < other.ended_at and other.started_at < one.ended_at


@pytest.mark.slow
def test_after_a_crash_twelve_jobs_run_together_in_two_groups(start: Start):
    worker, desk = start()
    jobs = [desk.submit(f"caller{i % 3}", **LONG, seed=i) for i in range(12)]
    until(lambda: {desk.read(job).status for job in jobs} == {"running"})
    crash(worker, desk)
    ended = sorted((desk.ended(job) for job in jobs), key=lambda job: job.started_at)
    assert [(job.status, job.attempts, job.crashes) for job in ended] == [("succeeded", 2, 1)] * 12
    first, second = ended[:6], ended[6:]
    for group in (first, second):
        assert all(overlap(one, other) for one in group for other in group)
    assert not any(overlap(one, other) for one in first for other in second)


@pytest.mark.slow
def test_one_of_two_workers_stays_open_for_everybody_else(start: Start):
    worker, desk = start()
    jobs = [desk.submit(**LONG, seed=i) for i in range(4)]
    until(lambda: {desk.read(job).status for job in jobs} == {"running"})
    start()
    crash(worker, desk)
    # Of the same caller and of another: neither stands behind those that may not run yet.
    others = [desk.submit(who, **LONG, seed=9) for who in ("anna", "bert")]
    suspects, fresh = ([desk.ended(job) for job in each] for each in (jobs, others))
    assert {(job.status, job.attempts) for job in fresh} == {("succeeded", 1)}
    assert {(job.status, job.attempts) for job in suspects} == {("succeeded", 2)}
    assert len({job.worker for job in suspects}) == 1
    assert all(job.started_at < max(each.ended_at for each in suspects) for job in fresh)
    for one in fresh:
        assert all(one.worker != other.worker for other in suspects if overlap(one, other))


@pytest.mark.slow
def test_a_job_in_two_crashes_runs_alone_and_fails_nobody_but_itself(start: Start):
    worker, desk = start()
    jobs = [desk.submit(f"caller{i}", **LONG, seed=i) for i in range(4)]
    until(lambda: {desk.read(job).status for job in jobs} == {"running"})
    poison, *mates = jobs
    while desk.read(poison).status not in ENDED:
        if (progress := desk.read(poison).progress) and progress.step > 2:
            crash(worker, desk)
    failed = desk.read(poison)
    assert (failed.status, failed.attempts, failed.error.code) == ("failed", 3, "worker_died")
    ended = [desk.ended(job) for job in mates]
    assert {job.status for job in ended} == {"succeeded"}
    *others, half = sorted(job.crashes for job in ended)
    assert others == [1, 1]
    # The one in the same half may not have begun again when the worker died the second time.
    assert half in (1, 2)


def waits(redis: Redis, job: str, group: str = "dead/1", holder: str = "") -> None:
    """A suspect that waits for the model `small`, or is held by a worker."""
    fields = {"group": group, "lane": "small/normal/anna", "holder": holder}
    redis.hset(SUSPECTS, job, json.dumps(fields))


def isolation(redis: Redis, *groups: str | None) -> Isolation:
    """A worker `me` that holds jobs of these groups, None for other jobs."""
    board = Board()
    for number, group in enumerate(groups):
        board.hold(cast("Any", SimpleNamespace(id=str(number), group=group)))
    return Isolation(board, redis, "me", lambda: {"small"})


def alive(redis: Redis, name: str, running: int = 0, model: str = "small") -> None:
    """Another worker."""
    info = WorkerInfo(
        name=name,
        host="here",
        pid=1,
        device="cpu",
        models=[make_card(name=model)],
        warm=[],
        running=running,
        capacity=4,
        jobs_per_second=None,
    )
    workers.advertise(redis, info)


def test_an_empty_worker_takes_suspects_first_and_of_one_group(redis: Redis):
    for number in range(4):
        waits(redis, f"job{number}", f"dead/{number % 2}")
    admission = isolation(redis).admission()
    assert [each.job for each in admission.first] == ["job0", "job2"]
    assert [admission.admits(job) for job in ("job0", "job1", "job2")] == [True, False, True]


def test_a_worker_with_suspects_takes_their_group_and_nobody_else(redis: Redis):
    waits(redis, "job0", holder="me")
    waits(redis, "job1")
    waits(redis, "job2", "dead/2")
    admission = isolation(redis, "dead/1").admission()
    assert [each.job for each in admission.first] == ["job1"]
    assert [admission.admits(job) for job in ("job1", "job2", "fresh")] == [True, False, False]


def test_the_only_worker_becomes_empty_for_suspects(redis: Redis):
    waits(redis, "job0")
    alive(redis, "other", model="large")
    admission = isolation(redis, None).admission()
    assert not admission.first
    assert not admission.others


@pytest.mark.parametrize(("running", "others"), [(0, True), (5, False)])
def test_of_two_busy_workers_the_emptier_one_becomes_empty(redis: Redis, running, others):
    waits(redis, "job0")
    alive(redis, "other", running)
    assert isolation(redis, None, None).admission().others is others


def test_the_last_open_worker_stays_open(redis: Redis):
    waits(redis, "job0", holder="other")
    waits(redis, "job1")
    alive(redis, "other")
    admission = isolation(redis).admission()
    assert not admission.first
    assert admission.admits("fresh")
    alive(redis, "third")
    assert [each.job for each in isolation(redis).admission().first] == ["job1"]


def test_suspects_of_another_workers_models_close_nothing(redis: Redis):
    waits(redis, "job0")
    waiting = Isolation(Board(), redis, "me", lambda: {"large"}).admission()
    assert not waiting.first
    assert waiting.admits("fresh")
