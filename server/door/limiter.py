"""What counts requests and tries: windows of a minute in Redis, the same for all replicas."""

from __future__ import annotations

import math
import time
from typing import cast

from flask import Flask, current_app
from limits import WindowStats
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

from server.resources import of

EXTENSION = "darkroom_limiter"

PREFIX = "darkroom:rate"
"""What the keys of all counts begin with."""

BACK = -1
"""The cost of a hit that gives one back. Where the window has ended meanwhile a new one begins with
one to spare, and ends as every window does."""


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
