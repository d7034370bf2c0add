"""A secret is one for all who ask for it, and stays."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from jobs.shared_secret import shared_secret


def test_of_many_that_ask_first_all_get_the_same(redis: Redis):
    gate = threading.Barrier(8)

    def ask(_: int) -> bytes:
        gate.wait()
        return shared_secret(redis, "secret")

    with ThreadPoolExecutor(8) as pool:
        [secret] = set(pool.map(ask, range(8)))
    assert len(secret) == 64
    assert shared_secret(redis, "secret") == secret
    assert redis.ttl("secret") == -1


def test_two_purposes_have_two_secrets(redis: Redis):
    assert shared_secret(redis, "one") != shared_secret(redis, "other")
