"""What an ended job costs Redis: pictures are kept for years, so their records must be small."""

from __future__ import annotations

from redis import Redis

from jobs.queue import queue
from jobs.records.record import read
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

PROMPT = "a red apple on a wooden table, soft light from the left, 3d render, very detailed"

JOBS = 200

FOR_LONG = 1_800
"""Bytes of a job with one picture and a prompt of 80 letters, once nobody follows it any more."""

FOR_A_WEEK = 2_500
"""Bytes more while its events are kept."""


def kept_memory(redis: Redis) -> int:
    """Bytes of all keys and what they hold, without the room that Redis holds ready around them."""
    with redis.pipeline(transaction=False) as pipe:
        for key in redis.scan_iter():
            pipe.memory_usage(key, samples=0)
        return sum(pipe.execute())


def test_an_ended_job_is_small_and_smaller_after_a_week(client, worker: HandWorker, redis: Redis):
    sent = client.post(f"{API}/jobs", json={"prompt": PROMPT}).json["id"]
    request = read(redis, sent).request
    picture = b"not looked at"

    def make(number: int) -> None:
        for _ in range(number):
            job_id = queue.submit(redis, request, "anna").id
            worker.begin(job_id)
            worker.finish(job_id, picture)

    make(20)  # what is there once, whatever the number of jobs
    before = kept_memory(redis)
    make(JOBS)
    # A worker ends its leases, which this one has not got.
    redis.delete(*redis.keys("rq:execution*"), *redis.keys("rq:wip:*"))
    fresh = (kept_memory(redis) - before) / JOBS
    redis.delete(*redis.keys("darkroom:events:*"))
    kept = (kept_memory(redis) - before) / JOBS
    assert redis.keys("rq:results:*") == []
    assert kept <= FOR_LONG, kept
    assert fresh <= FOR_LONG + FOR_A_WEEK, fresh
