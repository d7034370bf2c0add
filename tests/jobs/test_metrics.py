"""Sums that outlive the workers that made them."""

from __future__ import annotations

import pytest
from redis.exceptions import RedisError

from jobs.connection import connect
from jobs.records.metrics import Metrics, read


def test_two_workers_add_up(redis):
    for value in (0.02, 5):
        metrics = Metrics()
        metrics.observe("step_seconds", "emoji", value)
        metrics.count("images", "emoji", 2)
        metrics.flush(redis)
    tree = read(redis)
    assert tree["images"]["emoji"]["total"] == 4
    assert tree["step_seconds"]["emoji"] == {"3": 1.0, "8": 1.0, "sum": 5.02}


def test_a_flush_that_failed_is_made_up_for(redis):
    metrics = Metrics()
    metrics.count("images", "emoji")
    with pytest.raises(RedisError):
        metrics.flush(connect("redis://127.0.0.1:1/0", retries=0))
    metrics.count("images", "emoji")
    metrics.flush(redis)
    assert read(redis)["images"]["emoji"]["total"] == 2
