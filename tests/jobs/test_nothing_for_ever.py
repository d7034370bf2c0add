"""What is kept for callers who do not come back is forgotten in the end."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis import Redis

from jobs import devices
from jobs.queue import queue
from jobs.records import events, lanes
from jobs.request.request import ResolvedRequest
from tests.running.services.redis import elapse

Ask = Callable[..., ResolvedRequest]


def test_a_device_is_forgotten_that_did_not_call_for_more_than_a_year(redis: Redis):
    silent, _ = devices.create(redis, "old phone")
    seen, token = devices.create(redis, "phone")
    elapse(redis, 300 * 86400)
    devices.touch(redis, seen)
    elapse(redis, 300 * 86400)
    assert [each.id for each in devices.list_devices(redis)] == [seen.id]
    assert devices.get(redis, silent.id) is None
    assert devices.find(redis, token) is not None
    assert redis.smembers(devices.DEVICES) == {seen.id.encode()}


def test_an_owners_events_are_forgotten_a_while_after_the_last(redis: Redis, ask: Ask):
    queue.submit(redis, ask(), "anna")
    elapse(redis, events.STREAM_TTL - 60)
    queue.submit(redis, ask(), "anna")
    elapse(redis, events.STREAM_TTL - 60)
    assert redis.xlen(events.owner_stream("anna")) == 2
    elapse(redis, 61)
    assert not redis.exists(events.owner_stream("anna"))


def test_turns_are_forgotten_of_whom_nobody_served_for_a_day(redis: Redis):
    now = time.time()
    redis.hset(lanes.TURNS, mapping={"anna": now - 2 * lanes.UNUSED, "bert": now})
    lanes.prune(redis)
    assert redis.hkeys(lanes.TURNS) == [b"bert"]
