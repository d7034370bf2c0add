"""Connections to Redis, with the time-outs that each side needs."""

from __future__ import annotations

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from jobs.settings import settings

API_TIMEOUT = 2.0
"""Seconds one Redis call of the API may take: with one retry a hung Redis is a 503 within 5 s."""

WORKER_TIMEOUT = 15.0
"""Seconds one Redis call of a worker may take; above the one second it waits for new jobs."""

LOCAL_URL = "redis://127.0.0.1:6379/0"


def connect(url: str | None = None, *, timeout: float = API_TIMEOUT, retries: int = 1) -> Redis:
    """A client of the given Redis, or of REDIS_URL, or of the usual local one.

    Nothing is sent yet. Calls raise redis.exceptions.ConnectionError or TimeoutError within
    about `timeout * (retries + 1)` seconds where Redis is away.
    """
    return Redis.from_url(
        url or settings().redis_url or LOCAL_URL,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, API_TIMEOUT),
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries),
    )
