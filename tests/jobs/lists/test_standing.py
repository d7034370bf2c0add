"""Position and time of what waits, from one look at what runs, waits and is measured."""

from __future__ import annotations

import time

import pytest

from jobs.lists import standing
from jobs.lists.open_jobs import Size
from jobs.queue import queue
from jobs.records import lanes, workers
from jobs.records.events import Progress
from jobs.records.record import Field, progress_json, read
from jobs.records.workers import PictureCost, WorkerInfo

COST = PictureCost(
    model="emoji", width=128, height=128, fixed=0.0, per_row=0.5, rows=1000, encode=0.0, decode=0.0
)
"""A picture with guidance makes a step a second where it is alone."""


@pytest.fixture
def offer(redis, card):
    """Says what one worker offers and what it costs."""

    def say(capacity=32, warm=("emoji",), costs=(COST,), **fields):
        info = WorkerInfo(
            name="w", host="h", pid=1, device="cpu", models=[card], warm=list(warm), running=0,
            capacity=capacity, jobs_per_second=None, costs=list(costs), **fields,
        )  # fmt: skip
        workers.advertise(redis, info)

    return say


def begin(redis, record, *, step=0, seconds=None):
    """The job runs, so far, at so many seconds a step; None where none was measured yet."""
    redis.lrem(f"rq:queue:{record.lane}", 1, record.id)
    steps = record.request.steps * record.request.count
    progress = Progress(step=step, steps=steps, fraction=step / steps)
    redis.hset(
        f"rq:job:{record.id}",
        mapping={
            "status": "started",
            "worker_name": "w",
            Field.PROGRESS: progress_json(progress, seconds),
        },
    )


def etas(redis, records):
    stands = standing.look(redis)
    return [stands.eta(read(redis, record.id)) for record in records]


def positions(redis, records):
    stands = standing.look(redis)
    return [stands.position(read(redis, record.id)) for record in records]


def test_alone_a_job_takes_its_steps_and_what_is_around_them(redis, ask, offer):
    cost = COST.model_copy(update={"encode": 0.25, "decode": 2.0})
    offer(costs=[cost], finish_s=0.5)
    job = queue.submit(redis, ask(steps=10), "anna")
    assert etas(redis, [job]) == [pytest.approx(12.75)]
    begin(redis, job, step=6)
    assert etas(redis, [job]) == [pytest.approx(6.5)]


def test_equal_callers_share_the_time(redis, ask, offer):
    offer()
    jobs = [queue.submit(redis, ask(steps=10), caller) for caller in ("anna", "bert", "carl")]
    begin(redis, jobs[0], step=5)
    begin(redis, jobs[1], step=5)
    # Three seconds a round while all are there: five rounds of three, then five steps alone.
    assert etas(redis, jobs) == [15.0, 15.0, 20.0]


def test_rows_that_share_a_forward_cost_less(redis, ask, offer):
    offer(costs=[COST.model_copy(update={"fixed": 1.0, "per_row": 0.001})])
    jobs = [queue.submit(redis, ask(steps=10), caller) for caller in ("anna", "bert")]
    assert etas(redis, jobs) == [pytest.approx(10.0, rel=0.01)] * 2


def test_who_has_one_job_waits_for_half_of_the_time_of_who_has_many(redis, ask, offer):
    offer(capacity=4)
    mine = [queue.submit(redis, ask(steps=100), "anna") for _ in range(8)]
    for job in mine[:4]:
        begin(redis, job)
    other = queue.submit(redis, ask(steps=10), "bert")
    urgent = queue.submit(redis, ask(steps=10, priority="high"), "carl")
    assert positions(redis, [urgent, other, *mine[4:]]) == [0, 1, 2, 3, 4, 5]
    queue.delete(redis, urgent)
    # A tenth more for the rows that ride along for next to nothing.
    assert etas(redis, [other]) == [pytest.approx(1.1 * 20)]
    queue.delete(redis, other)
    urgent = queue.submit(redis, ask(steps=10, priority="high"), "carl")
    assert etas(redis, [urgent]) == [pytest.approx(1.1 * 12.5)]


def test_in_a_full_engine_a_job_waits_for_those_that_run_and_those_before_it(redis, ask, offer):
    offer(capacity=2)
    jobs = [queue.submit(redis, ask(steps=20), "anna") for _ in range(5)]
    begin(redis, jobs[0], step=10)
    begin(redis, jobs[1], step=10)
    # Two at a time take two seconds a round.
    assert etas(redis, jobs) == [20.0, 20.0, 60.0, 60.0, 80.0]
    assert positions(redis, jobs) == [None, None, 0, 1, 2]


def test_a_job_of_many_pictures_takes_as_many_places(redis, ask, offer):
    offer(capacity=4)
    runs, waits = (queue.submit(redis, ask(steps=10, count=4), "anna") for _ in range(2))
    begin(redis, runs, step=20)  # of 40; each of the four is half done
    assert etas(redis, [runs, waits]) == [20.0, 60.0]


def test_loading_counts_where_it_was_measured(redis, ask, offer):
    job = queue.submit(redis, ask(steps=10), "anna")
    offer(warm=())
    assert etas(redis, [job]) == [None]
    offer(warm=(), ready_in={"emoji": 7.5})
    assert etas(redis, [job]) == [17.5]


def test_nothing_is_guessed_where_nothing_was_measured(redis, ask, offer):
    runs, waits = (queue.submit(redis, ask(), "anna") for _ in range(2))
    begin(redis, runs)
    assert etas(redis, [runs, waits]) == [None, None]  # no worker lives
    offer(costs=[])
    assert etas(redis, [waits]) == [None]  # none has measured anything
    offer(costs=[COST.model_copy(update={"width": 512, "height": 512})])
    assert etas(redis, [waits]) == [None]  # nor pictures of this size
    begin(redis, runs, step=10, seconds=0.5)
    assert etas(redis, [runs]) == [10.0]  # but what was seen of its own steps


def test_a_second_pass_has_no_time_before_it_runs(redis, ask, offer):
    offer()
    job = queue.submit(redis, ask(hires={"scale": 2}), "anna")
    assert etas(redis, [job]) == [None]


def test_callers_take_turns_in_every_lane_of_theirs(redis, ask):
    mine = [queue.submit(redis, ask(), "anna") for _ in range(3)]
    others = [queue.submit(redis, ask(), "bert") for _ in range(2)]
    urgent = queue.submit(redis, ask(priority="high"), "anna")
    # Who has nothing under way is let in; then it goes by priority, and by who has fewer.
    assert positions(redis, [urgent, *others, *mine]) == [0, 1, 3, 2, 4, 5]


def test_whoever_had_less_of_the_device_goes_first(redis, ask):
    mine, other = (queue.submit(redis, ask(), caller) for caller in ("anna", "bert"))
    redis.hset(lanes.SHARES, mapping={"anna": 7.0, "bert": 3.0})
    assert positions(redis, [other, mine]) == [0, 1]


def test_a_job_that_ended_without_a_word_counts_no_more_and_is_forgotten(redis, ask, offer):
    stale, waits = (queue.submit(redis, ask(), "anna") for _ in range(2))
    redis.hset(f"rq:job:{stale.id}", "status", "finished")
    assert standing.look(redis).position(waits) == 0
    standing.prune(redis)
    assert [job.decode() for job in redis.zrange(standing.OPEN, 0, -1)] == [waits.id]


@pytest.mark.parametrize("size", [Size(1, 1), Size(1000, 16, 16384, 8192, True, False)])
def test_a_size_is_one_number_and_back(size):
    assert Size.of(float(size.score)) == size


def test_a_look_at_a_thousand_jobs_is_quick(redis, ask, offer):
    offer(capacity=32)
    for number in range(300):
        queue.submit(redis, ask(steps=20), f"caller{number % 40}")
    job = queue.submit(redis, ask(steps=20), "last")
    stands = standing.look(redis)
    began = time.thread_time()
    assert stands.eta(job) is not None
    assert time.thread_time() - began < 2


def test_what_a_job_would_take_is_what_it_is_told_once_it_is_there(redis, ask, offer):
    offer()
    running = queue.submit(redis, ask(steps=10), "anna")
    begin(redis, running, step=5)
    for waiting in (0, 2):
        for _ in range(waiting):
            queue.submit(redis, ask(steps=4), "bert")
        request = ask(steps=10, count=2)
        lane = lanes.lane(request.model, request.priority, "carl")
        before = standing.look(redis).would_end(lane, request)
        sent = queue.submit(redis, request, "carl")
        assert before == pytest.approx(etas(redis, [sent])[0])
        queue.cancel(redis, sent.id)
    alone = lanes.lane("emoji", "normal", "carl")
    assert standing.look(redis).would_end(alone, ask(hires={"scale": 2})) is None
