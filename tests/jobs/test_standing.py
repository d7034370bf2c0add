"""Position and time of what waits, from one look at what runs, waits and is measured."""

from __future__ import annotations

import pytest

from jobs.lists import standing
from jobs.queue import queue
from jobs.records import workers
from jobs.records.events import Progress
from jobs.records.record import Field, progress_json, read
from jobs.records.workers import WorkerInfo


@pytest.fixture
def offer(redis, card):
    """Says what one worker offers and how fast it is."""

    def say(capacity=2, rate=None, warm=("emoji",)):
        info = WorkerInfo(
            name="w", host="h", pid=1, device="cpu", models=[card], warm=list(warm), running=0,
            capacity=capacity, jobs_per_second=rate,
        )  # fmt: skip
        workers.advertise(redis, info)

    return say


def begin(redis, record, *, step=0, seconds=None):
    """The job runs, so far, at so many seconds a step; None where none was measured yet."""
    redis.lrem(f"rq:queue:{record.lane}", 1, record.id)
    redis.hset(f"rq:job:{record.id}", "status", "started")
    steps = record.request.steps * record.request.count
    progress = Progress(step=step, steps=steps, fraction=step / steps)
    redis.hset(f"rq:job:{record.id}", Field.PROGRESS, progress_json(progress, seconds))


def etas(redis, records):
    stands = standing.look(redis)
    return [stands.eta(read(redis, record.id)) for record in records]


def test_in_a_full_engine_a_job_waits_for_those_that_run_and_those_before_it(redis, ask, offer):
    offer(capacity=2)
    jobs = [queue.submit(redis, ask(steps=20), "anna") for _ in range(6)]
    begin(redis, jobs[0], step=10, seconds=0.5)
    begin(redis, jobs[1], step=18, seconds=0.5)
    # Left are 5 s and 1 s; each of the others takes 10 s in one of two places.
    assert etas(redis, jobs) == [5.0, 1.0, 11.0, 15.0, 21.0, 25.0]
    assert [standing.look(redis).position(read(redis, job.id)) for job in jobs] == [
        None, None, 0, 1, 2, 3,
    ]  # fmt: skip


def test_where_there_is_room_a_job_takes_its_own_time(redis, ask, offer):
    offer(capacity=4)
    runs, waits = (queue.submit(redis, ask(steps=steps), "anna") for steps in (40, 10))
    begin(redis, runs, step=4, seconds=0.5)
    assert etas(redis, [waits]) == [5.0]


def test_a_job_of_many_pictures_takes_as_many_places_and_no_more_steps(redis, ask, offer):
    offer(capacity=4)
    runs, waits, last = (
        queue.submit(redis, ask(steps=10, count=count), "anna") for count in (4, 2, 2)
    )
    begin(redis, runs, step=20, seconds=0.1)  # of 40; each of the four is half done
    assert etas(redis, [runs, waits, last]) == [2.0, 6.0, 6.0]


def test_short_jobs_end_sooner_than_long_ones(redis, ask, offer):
    offer(capacity=2)
    runs = queue.submit(redis, ask(steps=20), "anna")
    begin(redis, runs, step=10, seconds=1.0)
    short, long = (queue.submit(redis, ask(steps=steps), "anna") for steps in (4, 30))
    assert etas(redis, [short, long]) == [4.0, 34.0]


def test_before_a_step_is_measured_what_runs_counts_by_the_rate_of_jobs(redis, ask, offer):
    offer(rate=0.5)
    runs, waits = (queue.submit(redis, ask(), "anna") for _ in range(2))
    begin(redis, runs)
    assert etas(redis, [runs, waits]) == [None, 4.0]


def test_nothing_is_guessed_where_nothing_was_measured(redis, ask, offer):
    runs, waits = (queue.submit(redis, ask(), "anna") for _ in range(2))
    begin(redis, runs)
    assert etas(redis, [waits]) == [None]  # no worker lives
    offer()
    assert etas(redis, [waits]) == [None]  # none has measured anything
    offer(rate=0.5, warm=())
    assert etas(redis, [waits]) == [None]  # the model is to be loaded first


def test_callers_of_one_priority_take_turns_in_every_lane_of_theirs(redis, ask):
    mine = [queue.submit(redis, ask(), "anna") for _ in range(3)]
    others = [queue.submit(redis, ask(), "bert") for _ in range(2)]
    urgent = queue.submit(redis, ask(priority="high"), "anna")
    stands = standing.look(redis)
    assert [stands.position(job) for job in (urgent, *mine)] == [0, 1, 3, 5]
    assert [stands.position(job) for job in others] == [2, 4]


def test_a_job_that_ended_without_a_word_counts_no_more_and_is_forgotten(redis, ask, offer):
    stale, waits = (queue.submit(redis, ask(), "anna") for _ in range(2))
    redis.hset(f"rq:job:{stale.id}", "status", "finished")
    assert standing.look(redis).position(waits) == 0
    standing.prune(redis)
    assert [job.decode() for job in redis.zrange(standing.OPEN, 0, -1)] == [waits.id]
