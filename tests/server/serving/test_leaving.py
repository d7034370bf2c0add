"""A process of the API that ends while somebody's request is still under way."""

from __future__ import annotations

import threading

from redis import Redis

from server.app import create_app
from server.resources import of
from tests.running.waiting import until


def test_a_request_that_waits_for_redis_at_the_end_gets_its_answer(redis_url: str, redis: Redis):
    here, answers = of(create_app(redis_url)), list[object]()

    def ask() -> None:
        try:
            answers.append(here.redis.blpop(["slow"], 3))
        except Exception as error:
            answers.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: any(each["cmd"] == "blpop" for each in redis.client_list()))
    here.close()
    redis.rpush("slow", 1)
    asking.join()
    assert answers == [(b"slow", b"1")]
