"""A Redis with a replica, and Sentinels that put the replica in its place when it dies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from tests.running.addresses import free_port
from tests.running.services.redis import redis_in
from tests.running.waiting import until

NAME = "pictures"

SUSPICION = 500
"""Milliseconds without an answer after which a Redis counts as dead."""


class Watched:
    """Two Redis servers under two Sentinels; `url` leads to the one that is master."""

    def __init__(self, first: RedisServer, second: RedisServer, ports: list[int]) -> None:
        self.first = first
        self.second = second
        self.ports = ports
        # The first of them is not there: it costs a moment, no more.
        every = ",".join(f"127.0.0.1:{port}" for port in (free_port(), *ports))
        self.url = f"redis+sentinel://{every}/{NAME}/0"

    def fail_over(self, redis: Redis) -> None:
        """kill -9 of the master, once the replica has what it has."""
        assert redis.wait(1, 5000) == 1
        assert self.first.process
        self.first.process.kill_group()

    def has_failed_over(self) -> bool:
        """Whether the replica is master by now."""
        with connect(self.second.url) as redis:
            return redis.role()[0] == b"master"


@contextmanager
def watched_in(folder: Path) -> Iterator[Watched]:
    """Them, with their data in a folder, for as long as the block lasts."""
    with ExitStack() as stack:
        first = stack.enter_context(redis_in(folder / "first"))
        second = stack.enter_context(redis_in(folder / "second"))
        with connect(second.url) as redis:
            redis.replicaof("127.0.0.1", first.port)
            until(lambda: redis.info("replication")["master_link_status"] == "up")
        ports = [free_port(), free_port()]
        for port in ports:
            process = _sentinel(first, folder / f"sentinel-{port}.conf", port)
            stack.callback(process.wait)
            stack.callback(process.kill)
        for port in ports:
            until(lambda port=port: _knows_all(port))
        yield Watched(first, second, ports)


def _sentinel(master: RedisServer, config: Path, port: int) -> subprocess.Popen[bytes]:
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {config.parent}\n"
        f"sentinel monitor {NAME} 127.0.0.1 {master.port} 2\n"
        f"sentinel down-after-milliseconds {NAME} {SUSPICION}\n"
        f"sentinel failover-timeout {NAME} 3000\n"
    )
    command = [master.program.path, str(config), "--sentinel"]
    with config.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _knows_all(port: int) -> bool:
    """Whether a Sentinel has found the replica and the other one."""
    try:
        with Redis(port=port, socket_timeout=1) as sentinel:
            master = sentinel.sentinel_master(NAME)
    except OSError:
        return False
    return master["num-slaves"] == 1 and master["num-other-sentinels"] == 1
