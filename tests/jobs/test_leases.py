"""What happens to the jobs of a worker that died, by the state it left in Redis."""

from __future__ import annotations

import time

import pytest
from rq.executions import Execution

from jobs.queue import leases, queue, suspects
from jobs.queue.queue import ATTEMPTS, fetch
from jobs.records import events, lanes, metrics
from jobs.records.record import Field


def lease(redis, record, worker="dead", ttl=leases.LEASE):
    """Do what a worker does between taking a job and dying."""
    redis.lrem(f"rq:queue:{record.lane}", 1, record.id)
    job = fetch(redis, record.id)
    with redis.pipeline() as pipe:
        execution = Execution.create(job, ttl, pipeline=pipe, worker_name=worker)
        job.prepare_for_execution(worker, pipeline=pipe)
        pipe.hincrby(job.key, Field.ATTEMPTS, 1)
        pipe.execute()
    return execution


def expire(redis, record):
    for entry in redis.zrange(f"rq:wip:{record.lane}", 0, -1):
        redis.zadd(f"rq:wip:{record.lane}", {entry: time.time() - 1})


def look(redis):
    """Look for what dead workers left, somebody having looked a moment ago."""
    redis.set(leases.LOOKED, time.time())
    redis.delete(leases.SWEEP_LOCK)
    return leases.Sweep(redis).run()


def test_an_expired_lease_sends_the_job_to_the_front_as_a_suspect(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    later = queue.submit(redis, ask(), "anna")
    expire(redis, record)
    assert look(redis) == 1
    again = queue.read(redis, record.id)
    assert (again.status, again.crashes, again.attempts) == ("queued", 1, 1)
    waiting = redis.lrange(f"rq:queue:{record.lane}", 0, -1)
    assert waiting == [record.id.encode(), later.id.encode()]
    assert metrics.read(redis)["requeued_jobs"] == {"worker_died": {"total": 1.0}}


def test_a_lease_that_holds_is_left_alone(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    assert look(redis) == 0
    assert queue.read(redis, record.id).status == "running"


def test_a_worker_known_to_be_dead_loses_its_leases_at_once_and_no_other_does(redis, ask):
    mine, other = (queue.submit(redis, ask(), who) for who in ("anna", "bert"))
    lease(redis, mine, "dead")
    lease(redis, other, "alive")
    assert leases.end_leases(redis, "dead") == 1
    assert queue.read(redis, mine.id).status == "queued"
    assert queue.read(redis, other.id).status == "running"


def test_a_job_fails_with_the_reason_when_every_attempt_died(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    for _ in range(ATTEMPTS):
        lease(redis, record)
        expire(redis, record)
        look(redis)
    failed = queue.read(redis, record.id)
    assert (failed.status, failed.attempts) == ("failed", ATTEMPTS)
    assert failed.error.code == "worker_died"
    last = events.parse(redis.xrevrange(events.owner_stream("anna"), count=1)[0][1][b"data"])
    assert (last.event, last.status) == ("done", "failed")


def test_a_canceled_job_of_a_dead_worker_does_not_run_again(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    assert queue.cancel(redis, record.id).status == "running"
    expire(redis, record)
    look(redis)
    assert queue.read(redis, record.id).status == "canceled"
    assert redis.llen(f"rq:queue:{record.lane}") == 0


def test_a_deleted_job_of_a_dead_worker_stays_deleted(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    queue.delete(redis, record)
    assert look(redis) == 0
    assert queue.read(redis, record.id) is None


def test_a_job_stranded_between_lane_and_lease_is_put_back(redis, ask, monkeypatch):
    record = queue.submit(redis, ask(), "anna")
    lane = lanes.parse(record.lane)
    redis.lmove(f"rq:queue:{lane.name}", leases.intermediate_key(lane), "LEFT", "RIGHT")
    sweep = leases.Sweep(redis)
    assert sweep.run() == 0
    monkeypatch.setattr(leases, "STRANDED", 0.0)
    redis.delete(leases.SWEEP_LOCK)
    assert sweep.run() == 1
    assert redis.lrange(f"rq:queue:{lane.name}", 0, -1) == [record.id.encode()]


def test_a_stranded_id_without_a_job_is_dropped(redis, ask, monkeypatch):
    record = queue.submit(redis, ask(), "anna")
    lane = lanes.parse(record.lane)
    redis.lmove(f"rq:queue:{lane.name}", leases.intermediate_key(lane), "LEFT", "RIGHT")
    queue.delete(redis, record)
    monkeypatch.setattr(leases, "STRANDED", -1.0)
    assert leases.Sweep(redis).run() == 0
    assert redis.llen(leases.intermediate_key(lane)) == 0
    assert redis.llen(f"rq:queue:{lane.name}") == 0


def test_one_process_at_a_time_sweeps(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    expire(redis, record)
    redis.set(leases.LOOKED, time.time())
    redis.set(leases.SWEEP_LOCK, 1, ex=5)
    assert leases.Sweep(redis).run() == 0


def test_leases_that_lapsed_while_nobody_reached_redis_get_time_to_be_renewed(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    expire(redis, record)
    redis.set(leases.LOOKED, time.time() - leases.LEASE)
    redis.delete(leases.SWEEP_LOCK)
    assert leases.Sweep(redis).run() == 0
    assert look(redis) == 0
    assert queue.read(redis, record.id).status == "running"
    expire(redis, record)
    assert look(redis) == 1


def test_a_worker_that_comes_back_takes_the_crash_back_once(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    execution = lease(redis, record)
    expire(redis, record)
    assert look(redis) == 1
    for _ in range(2):
        job = fetch(redis, record.id)
        leases.pardon(redis, job, execution)
        assert queue.read(redis, record.id).crashes == 0
        assert fetch(redis, record.id).retries_left == ATTEMPTS - 1


def test_a_worker_that_was_seen_to_die_takes_nothing_back(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    execution = lease(redis, record)
    leases.end_leases(redis, "dead")
    leases.pardon(redis, fetch(redis, record.id), execution)
    assert queue.read(redis, record.id).crashes == 1


@pytest.mark.parametrize("end", ["cancel", "delete", "fail", "pardon"])
def test_a_suspect_is_one_until_its_job_has_ended_or_its_worker_comes_back(redis, ask, end):
    record = queue.submit(redis, ask(), "anna")
    execution = lease(redis, record)
    expire(redis, record)
    look(redis)
    assert suspects.read(redis)[record.id].group == "dead/1"
    match end:
        case "cancel":
            queue.cancel(redis, record.id)
        case "delete":
            queue.delete(redis, queue.read(redis, record.id))
        case "fail":
            for _ in range(2):
                lease(redis, record)
                expire(redis, record)
                look(redis)
            assert queue.read(redis, record.id).status == "failed"
        case _:
            leases.pardon(redis, fetch(redis, record.id), execution)
    assert suspects.read(redis) == {}


def test_of_an_ended_lease_nothing_is_left(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    leases.end_leases(redis, "dead")
    assert redis.keys("rq:wip:*") + redis.keys("rq:execution*") == []


def test_the_jobs_of_a_dead_worker_are_halved_whatever_their_lanes(redis, ask):
    records = [queue.submit(redis, ask(), f"caller{number % 3}") for number in range(7)]
    for record in records:
        lease(redis, record)
    leases.end_leases(redis, "dead")
    groups = [each.group for each in suspects.read(redis).values()]
    assert sorted(groups) == ["dead/1"] * 4 + ["dead/2"] * 3
    for record in records[:2]:
        lease(redis, record, "another")
    leases.end_leases(redis, "another")
    groups = {each.job: each.group for each in suspects.read(redis).values()}
    assert [groups[record.id] for record in records[:2]] == [record.id for record in records[:2]]


def test_a_suspect_that_a_tool_of_rq_ended_is_forgotten_when_its_turn_comes(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    lease(redis, record)
    leases.end_leases(redis, "dead")
    redis.hset(f"rq:job:{record.id}", "status", "canceled")
    lane = lanes.parse(record.lane)
    assert not suspects.pick(redis, lane, record.id, leases.intermediate_key(lane))
    assert suspects.read(redis) == {}


def test_a_worker_does_not_sweep_what_it_holds(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    execution = lease(redis, record)
    expire(redis, record)
    redis.set(leases.LOOKED, time.time())
    assert leases.Sweep(redis).run({execution.composite_key}) == 0
    assert queue.read(redis, record.id).status == "running"


def test_a_dead_worker_s_leases_end_and_those_that_lapsed_beside_them_do_not(redis, ask):
    mine, other = (queue.submit(redis, ask(), "anna") for _ in range(2))
    lease(redis, mine, "dead")
    lease(redis, other, "alive")
    expire(redis, other)
    assert leases.end_leases(redis, "dead") == 1
    assert queue.read(redis, other.id).status == "running"


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_job_given_back_by_a_stopping_worker_costs_no_attempt(redis, ask, attempts):
    record = queue.submit(redis, ask(), "anna")
    for _ in range(attempts):
        execution = lease(redis, record)
        job = fetch(redis, record.id)
        with redis.pipeline() as pipe:
            execution.delete(job, pipe)
            leases.settle.give_back(pipe, job, crashed=False)
            pipe.execute()
    back = queue.read(redis, record.id)
    assert (back.status, back.attempts, back.crashes) == ("queued", 0, 0)
