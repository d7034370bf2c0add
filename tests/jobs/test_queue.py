"""The queue on a real Redis: kept, listed, in turn, canceled, deleted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from jobs.lists import listing, standing
from jobs.queue import queue
from jobs.queue.idempotency import KeyReused, job_id_for
from jobs.records import events, lanes
from jobs.settings import settings


def test_a_submitted_job_is_in_its_lane_and_says_so(redis, ask):
    record = queue.submit(redis, ask(seed=5, metadata={"from": "phone"}), "anna")
    assert record.status == "queued"
    assert record.request == ask(seed=5, metadata={"from": "phone"})
    lane = Queue("emoji/normal/anna", connection=redis, serializer=JSONSerializer)
    assert lane.job_ids == [record.id]
    assert lane in Queue.all(connection=redis)


def test_nothing_in_the_queue_is_pickle(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    assert queue.fetch(redis, record.id).data.startswith(b'["worker.loop.rq_worker.generate"')


def test_submitting_an_id_again_adds_nothing(redis, ask):
    first = queue.submit(redis, ask(seed=1), "anna", job_id=queue.new_job_id())
    again = queue.submit(redis, ask(seed=2), "anna", job_id=first.id)
    assert again.request.seed == 1
    assert redis.llen("rq:queue:emoji/normal/anna") == 1


def test_the_same_id_from_many_threads_is_one_job(redis, ask):
    job_id = queue.new_job_id()
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda i: queue.submit(redis, ask(seed=i), "anna", job_id=job_id), range(16))
        )
    assert len({record.request.seed for record in results}) == 1
    assert redis.llen("rq:queue:emoji/normal/anna") == 1


def test_a_full_queue_refuses_and_says_when_to_come_back(redis, ask, monkeypatch):
    few = settings().model_copy(update={"max_queue": 2})
    monkeypatch.setattr(queue, "settings", lambda: few)
    for _ in range(2):
        queue.submit(redis, ask(), "anna")
    with pytest.raises(queue.QueueFull, match="2 jobs are waiting") as full:
        queue.submit(redis, ask(), "bert")
    assert full.value.retry_after >= 1


def test_the_list_is_newest_first_and_pages_without_gaps(redis, ask):
    made = [queue.submit(redis, ask(seed=i), "anna").id for i in range(7)]
    queue.submit(redis, ask(), "bert")
    seen, before = [], None
    while True:
        page, before = listing.list_jobs(redis, "anna", limit=3, before=before, status=None)
        seen += [record.id for record in page]
        if before is None:
            break
    assert seen == sorted(made, reverse=True)


def test_the_list_can_ask_for_one_status(redis, ask):
    kept = queue.submit(redis, ask(), "anna")
    gone = queue.submit(redis, ask(), "anna")
    queue.cancel(redis, gone.id)
    queued, _ = listing.list_jobs(redis, "anna", limit=10, before=None, status="queued")
    canceled, _ = listing.list_jobs(redis, "anna", limit=10, before=None, status="canceled")
    assert [record.id for record in queued] == [kept.id]
    assert [record.id for record in canceled] == [gone.id]


def prompts(records):
    return [record.request.prompt for record in records]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("apple", ["Red APPLE, 3d", "green apple"]),
        ("appl RED", ["Red APPLE, 3d"]),
        ("  ", ["Äpfel phở", "Red APPLE, 3d", "green apple"]),
        ("äPFEL", ["Äpfel phở"]),
        ("pho\u031b\u0309", ["Äpfel phở"]),
        ("red pear", []),
    ],
)
def test_the_list_finds_the_prompts_with_all_words_of_a_search(redis, ask, search, found):
    for prompt in ("green apple", "Red APPLE, 3d", "Äpfel phở"):
        queue.submit(redis, ask(prompt=prompt), "anna")
        time.sleep(0.002)  # ids sort by milliseconds
    page, _ = listing.list_jobs(redis, "anna", limit=5, before=None, status=None, search=search)
    assert prompts(page) == found


def test_canceling_a_queued_job_ends_it_once(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    canceled = queue.cancel(redis, record.id)
    again = queue.cancel(redis, record.id)
    assert canceled is not None
    assert (canceled.status, canceled.ended_at is not None) == ("canceled", True)
    assert again == canceled
    assert redis.llen("rq:queue:emoji/normal/anna") == 0
    stream = [events.parse(f[b"data"]) for _, f in redis.xrange(events.job_stream(record.id))]
    assert [event.event for event in stream] == ["status", "done"]


def test_canceling_what_is_not_there_is_nothing(redis):
    assert queue.cancel(redis, "0" * 32) is None


def test_a_deleted_job_leaves_nothing_behind(redis, ask):
    record = queue.submit(redis, ask(), "anna")
    queue.delete(redis, record)
    assert queue.read(redis, record.id) is None
    assert listing.list_jobs(redis, "anna", limit=5, before=None, status=None) == ([], None)
    left = {key.decode() for key in redis.keys("*")}
    assert not [key for key in left if record.id in key]
    queue.delete(redis, record)


def test_callers_take_turns(redis, ask):
    mine = [queue.submit(redis, ask(), "anna") for _ in range(5)]
    other = queue.submit(redis, ask(), "bert")
    redis.hset(lanes.TURNS, "anna", 100.0)
    assert standing.look(redis).position(other) == 0
    assert [standing.look(redis).position(record) for record in mine] == [1, 2, 3, 4, 5]


def test_high_priority_goes_before_everybody(redis, ask):
    low = queue.submit(redis, ask(priority="low"), "anna")
    normal = queue.submit(redis, ask(), "anna")
    high = queue.submit(redis, ask(priority="high"), "bert")
    assert [standing.look(redis).position(r) for r in (high, normal, low)] == [0, 1, 2]


def test_odd_callers_cannot_reach_into_another_lane():
    assert lanes.parse(lanes.lane("emoji", "low", "../../x:intermediate").name) == lanes.Lane(
        "emoji", "low", ".._.._x_intermediate"
    )


def test_an_idempotency_key_names_the_same_job_for_the_same_body(redis):
    assert job_id_for(redis, "anna", "k", b"body", "one") == "one"
    assert job_id_for(redis, "anna", "k", b"body", "two") == "one"
    assert job_id_for(redis, "bert", "k", b"other", "three") == "three"
    with pytest.raises(KeyReused):
        job_id_for(redis, "anna", "k", b"other", "four")


def test_only_ended_jobs_before_the_moment_are_old(redis, ask):
    old = queue.submit(redis, ask(), "anna")
    queue.cancel(redis, old.id)
    waits = queue.submit(redis, ask(), "anna")
    time.sleep(0.01)
    moment = time.time()
    time.sleep(0.01)
    new = queue.submit(redis, ask(), "bert")
    queue.cancel(redis, new.id)
    assert [record.id for record in listing.ended_before(redis, moment)] == [old.id]
    assert waits.id != new.id


def test_an_empty_lane_is_forgotten_after_a_day_and_a_used_one_is_not(redis, ask):
    for caller in ("gone", "recent", "waiting"):
        record = queue.submit(redis, ask(), caller)
        if caller != "waiting":
            queue.cancel(redis, record.id)
    redis.hset(lanes.TURNS, "recent", time.time())
    assert lanes.prune(redis) == 1
    assert {lane.caller for lane in lanes.lanes(redis)} == {"recent", "waiting"}
