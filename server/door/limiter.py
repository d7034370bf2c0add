"""What counts requests and tries: windows of a minute in Redis, the same for all replicas."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from flask import Flask, current_app
from limits import WindowStats
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis

from server.resources import of

EXTENSION = "darkroom_limiter"

PREFIX = "darkroom:rate"
"""What the keys of all counts begin with."""

BACK = -1
"""The cost of a hit that gives one back. Where the window has ended meanwhile a new one begins with
one to spare, and ends as every window does."""

MINUTE = 60
"""Seconds of a window in which requests are counted."""

COUNT = """
-- KEYS[...] a window for each limit; ARGV[1] its seconds, ARGV[2...] each limit
-- One more is in each window or, where one is full, in none. Returns the number of the one that is
-- full, 0 for none, and of each what it has and in how many milliseconds it is over.
local full = 0
for i = #KEYS, 1, -1 do
    if tonumber(redis.call('GET', KEYS[i]) or 0) >= tonumber(ARGV[i + 1]) then full = i end
end
local said = {full}
for i, key in ipairs(KEYS) do
    if full == 0 and redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[1]) end
    said[#said + 1] = tonumber(redis.call('GET', key) or 0)
    said[#said + 1] = redis.call('PTTL', key)
end
return said
"""


@dataclass(frozen=True)
class Window:
    """A limit on requests: its name, of whom it counts how many, and how it stands."""

    name: str
    who: str
    limit: int
    left: int = 0
    reset: int = 0


def count_in(connection: Redis, windows: Sequence[Window]) -> tuple[int | None, list[Window]]:
    """Count one request in each of these windows, or in none where one is full.

    Returns which one that is, and how each stands. One round trip: the door does it for each
    request. Raises RedisError.
    """
    keys = [f"{PREFIX}:{each.name}:{each.who}" for each in windows]
    limits = [str(each.limit) for each in windows]
    reply = connection.eval(COUNT, len(keys), *keys, str(MINUTE), *limits)
    full, *said = cast("list[int]", reply)
    stands = [
        replace(each, left=max(0, each.limit - counted), reset=max(1, math.ceil(ms / 1000)))
        for each, counted, ms in zip(windows, said[::2], said[1::2], strict=True)
    ]
    return (full - 1 if full else None), stands


def init_app(app: Flask) -> None:
    """Give the application its limiter, which counts over the connections that there are."""
    # The address says no more than whose client it is: where to connect, the pool knows.
    pool = of(app).redis.connection_pool
    storage = RedisStorage("redis://", connection_pool=pool, key_prefix=PREFIX)
    # A window begins with its first hit and ends all at once: Retry-After is exact, and a hit can
    # be taken back. Of one that slides neither is true.
    app.extensions[EXTENSION] = FixedWindowRateLimiter(storage)


def current_limiter() -> FixedWindowRateLimiter:
    """The limiter of the application that serves this request. It raises RedisError."""
    return cast("FixedWindowRateLimiter", current_app.extensions[EXTENSION])


def seconds_left(window: WindowStats) -> int:
    """Seconds until a window is over, one at least."""
    return max(1, math.ceil(window.reset_time - time.time()))
