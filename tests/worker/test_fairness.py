"""One caller's hundred jobs and another's one: who is let in, and who has the device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from jobs.records import lanes, shares
from jobs.records.record import JobRecord
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.worker.conftest import Desk

Start = Callable[..., tuple[WorkerProcess, Desk]]

LONG = {"steps": 80, "sampler": "ddim"}


def ended(desk: Desk, jobs: list[JobRecord]) -> int:
    return sum(desk.read(job).ended_at is not None for job in jobs)


@pytest.mark.parametrize(
    "priority",
    ["low", *(pytest.param(each, marks=pytest.mark.slow) for each in ("normal", "high"))],
)
def test_who_has_nothing_in_a_full_engine_is_let_in_at_once(start: Start, priority: str):
    _, desk = start(capacity=3)
    mine = [desk.submit("anna", seed=seed, priority="normal", **LONG) for seed in range(6)]
    desk.running(mine[2])
    other = desk.ended(desk.submit("bert", priority=priority, steps=5))
    assert other.status == "succeeded"
    assert ended(desk, mine) == 0
    assert [desk.read(job).status for job in mine[3:]] == ["queued"] * 3


@pytest.mark.slow
def test_the_device_is_shared_by_time_and_not_by_pictures(start: Start):
    _, desk = start(capacity=16)
    # Anna has twelve pictures under way, and Bert one: each gets half of the time.
    mine = [desk.submit("anna", seed=seed, **LONG) for seed in range(12)]
    desk.running(mine[-1], 2)
    before = [desk.read(job).progress.step for job in mine]
    other = desk.ended(desk.submit("bert", steps=24, sampler="ddim"))
    assert other.status == "succeeded"
    made = [desk.read(job).progress.step - step for job, step in zip(mine, before, strict=True)]
    assert max(made) < 16, "of as many pictures equal steps would be 24"
    assert sum(made) > 0


def test_what_each_caller_had_is_kept_in_redis_and_forgotten_after_a_day(
    start: Start, redis: Redis
):
    _, desk = start()
    for caller, steps in (("anna", 16), ("bert", 2)):
        desk.ended(desk.submit(caller, steps=steps))
    until(lambda: redis.hlen(lanes.SHARES) == 2, 5)
    had = shares.tags(redis, ["anna", "bert", "nobody"])
    assert had["anna"] > 0
    assert had["bert"] > had["anna"] / 2, "he began where she was, though his eighth is little"
    assert had["nobody"] == 0
    redis.hset(lanes.TURNS, "anna", 1.0)
    lanes.prune(redis)
    assert redis.hkeys(lanes.SHARES) == [b"bert"]


def test_two_workers_add_to_one_account(redis: Redis):
    charged = shares.charge(redis, [shares.Charged("anna", 10.0, 2.0)])
    assert charged == {"anna": 12.0}
    assert shares.charge(redis, [shares.Charged("anna", 5.0, 1.5)]) == {"anna": 13.5}
    assert shares.tags(redis, ["anna"]) == {"anna": 13.5}
    assert shares.charge(redis, []) == {}
