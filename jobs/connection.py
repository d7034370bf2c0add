"""Connections to Redis, with the time-outs that each side needs."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from jobs import sentinel
from jobs.settings import settings

API_TIMEOUT = 3.5
"""Seconds one Redis call of the API may take: a hung Redis is a 503 within 5 s, and one whose disk
makes it wait for two is not taken for hung."""

WORKER_TIMEOUT = 15.0
"""Seconds one Redis call of a worker may take; above the one second it waits for new jobs."""

CONNECTIONS = 100
"""Connections that a client opens at most: more than a worker or a command has threads."""

LOCAL_URL = "redis://127.0.0.1:6379/0"


DISK = re.compile(r"\bMISCONF\b")
"""The word of a Redis that could not write to its disk, and takes no changes until it can."""


def is_disk_full(error: RedisError) -> bool:
    """Whether Redis refused a command because it cannot write to its disk."""
    return bool(DISK.search(str(error)))


def now(connection: Redis) -> float:
    """The time by Redis's clock, in seconds since the epoch: the one that all processes share."""
    seconds, micro = connection.time()
    return seconds + micro / 1e6


def connect(
    url: str | None = None,
    *,
    timeout: float = API_TIMEOUT,
    retries: int = 1,
    connections: int = CONNECTIONS,
) -> Redis:
    """A client of the given Redis, or of REDIS_URL, or of the usual local one.

    The URL may be that of a Redis (redis://, rediss:// by TLS, unix://), or of Sentinels that know
    which Redis is the master now. Raises ValueError where it is neither.

    Nothing is sent yet. Calls raise redis.exceptions.ConnectionError where Redis is away, after
    some retries, and TimeoutError after about `timeout` seconds where it hangs. `connections` is
    how many threads may ask at once: one more gets a ConnectionError.
    """
    url = url or settings().redis_url or LOCAL_URL
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": min(timeout, API_TIMEOUT),
        "health_check_interval": 30,
        "max_connections": connections,
        # A connection that broke is worth another try at once, a Redis that hangs is not.
        "retry": Retry(
            ExponentialBackoff(cap=0.2, base=0.05),
            retries,
            supported_errors=(RedisConnectionError,),
        ),
    }
    behind = sentinel.is_of_one(url)
    client = sentinel.connect(url, **options) if behind else Redis.from_url(url, **options)
    pool = client.connection_pool
    pool.connection_class = _readable(pool.connection_class)
    return client


@cache
def _readable(kind: type[Any]) -> type[Any]:
    """This kind of connection, for which a Redis is well also while its disk is full: it refuses
    PING then, by which connections are tried, and goes on answering whoever reads."""

    class Readable(kind):
        def check_health(self) -> None:
            try:
                super().check_health()
            except ResponseError as error:
                if not is_disk_full(error):
                    raise

    return Readable


def without_password(url: str) -> str:
    """The URL of a Redis with nothing in it that opens it."""
    bare = re.sub(r"//([^/?#@:]*):[^?#]*@", r"//\1@", url, count=1).replace("//@", "//")
    return re.sub(r"(?i)([?&])(\w*password)=[^&#]*", r"\1", bare).rstrip("?&").replace("?&", "?")


def place(url: str) -> str:
    """Where a Redis is, in words without secrets."""
    if sentinel.is_of_one(url):
        return sentinel.place(url)
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else f"a socket {parts.path}"
