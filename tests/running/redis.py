"""A Redis for tests, as `darkroom up` starts it, on a port that no other test process takes."""

from __future__ import annotations

from pathlib import Path

from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from tests.running.addresses import free_port


def redis_in(folder: Path) -> RedisServer:
    """A Redis with its data in a folder, not started yet.

    By itself it would try the usual port first, and two that do so at once answer for each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = folder / "port"
    if not port.exists():
        port.write_text(str(free_port()))
    return RedisServer(folder)


def elapse(redis: Redis, seconds: int) -> None:
    """Have Redis's keys age: what expires does so that much sooner, what does not stays."""
    for key in redis.scan_iter():
        left = redis.pttl(key)
        if left >= 0:
            redis.pexpire(key, max(0, left - seconds * 1000))
