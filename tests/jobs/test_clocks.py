"""Machines whose clocks are wrong: no lease, turn, quota or webhook goes by them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from redis import Redis
from rq.registry import StartedJobRegistry

from jobs.connection import now
from jobs.queue import leases, queue, quotas
from jobs.quota import QuotaExceeded
from jobs.records import lanes
from jobs.records.record import fetch
from jobs.request.request import ResolvedRequest
from jobs.settings import settings
from jobs.webhooks import outbox
from jobs.webhooks.outbox import Hook
from worker.loop.lease import Lease

DAY = 24 * 3600
SKEWS = [pytest.param(15, id="15 s ahead"), pytest.param(-DAY, id="a day behind")]

Ask = Callable[..., ResolvedRequest]
Skew = Callable[[float], None]


@pytest.fixture
def skew(monkeypatch: pytest.MonkeyPatch) -> Skew:
    """Sets this machine's clock wrong by some seconds, in every way that it is read."""
    right = time.time

    def wrong(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        for module in ("rq.registry", "rq.executions", "rq.utils"):
            monkeypatch.setattr(f"{module}.current_timestamp", lambda: int(right() + seconds))

    return wrong


def take(redis: Redis, job_id: str) -> Lease:
    job = fetch(redis, job_id)
    with redis.pipeline() as pipe:
        lease = Lease.take(pipe, job, "w")
        lanes.take_turn(pipe, "anna")
        pipe.execute()
    redis.lrem(f"rq:queue:{job.origin}", 1, job_id)
    return lease


@pytest.mark.parametrize("seconds", SKEWS)
def test_a_wrong_clock_ends_nobody_s_lease_and_makes_none_longer(
    redis: Redis, ask: Ask, skew: Skew, seconds: float
):
    right, wrong = (queue.submit(redis, ask(), "anna") for _ in range(2))
    leases.Sweep(redis).run()
    take(redis, right.id)
    skew(seconds)
    take(redis, wrong.id)
    redis.delete(leases.SWEEP_LOCK)
    assert leases.Sweep(redis).run() == 0
    left = [
        score - leases.BEYOND - now(redis)
        for _, score in redis.zrange(f"rq:wip:{right.lane}", 0, -1, withscores=True)
    ]
    assert all(leases.LEASE - 5 < seconds <= leases.LEASE for seconds in left)
    assert abs(lanes.turns(redis, ["anna"])["anna"] - now(redis)) < 5


def test_tools_of_rq_with_a_wrong_clock_end_no_lease(redis: Redis, ask: Ask, skew: Skew):
    record = queue.submit(redis, ask(), "anna")
    take(redis, record.id)
    skew(DAY)
    assert StartedJobRegistry(record.lane, connection=redis).count == 1
    assert queue.read(redis, record.id).status == "running"


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_day_of_pictures_is_redis_s_day(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, seconds: float
):
    monkeypatch.setenv("PICTURES_PER_DAY", "1")
    settings.cache_clear()
    try:
        quotas.admit(redis, "a" * 32, "anna", 1, lambda: 1)
        gmtime = time.gmtime
        monkeypatch.setattr(time, "gmtime", lambda *at: gmtime((at or [time.time()])[0] + seconds))
        with pytest.raises(QuotaExceeded):
            quotas.admit(redis, "b" * 32, "anna", 1, lambda: 1)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_a_webhook_s_times_are_redis_s(redis: Redis, skew: Skew):
    skew(-DAY)
    with redis.pipeline() as pipe:
        outbox.subscribe(pipe, "j", Hook("http://x", ("done",), "json", "http://here"))
        outbox.record(pipe, "j", "done", '{"event": "done"}')
        pipe.execute()
    delivery = outbox.claim(redis, 5)
    assert delivery is not None
    assert abs(delivery.since - now(redis)) < 5
    outbox.fail(redis, delivery, "no", retries=0, wait=1, final=True)
    [letter] = outbox.dead_letters(redis)
    assert abs(letter.at - now(redis)) < 5
