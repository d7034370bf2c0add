"""What Redis is asked to do meanwhile, as it says itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis

OPENING = ("AUTH", "CLIENT", "HELLO", "PING", "SELECT")
"""What a client says once for a connection, which it then keeps."""


@dataclass
class Commands:
    """The commands that Redis ran: those that were sent, and those that scripts ran in there."""

    sent: list[str] = field(default_factory=list)
    in_scripts: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return self.sent + self.in_scripts


@contextmanager
def commands(redis: Redis) -> Iterator[Commands]:
    """The commands of everybody between here and the end, filled in at the end."""
    counted, mark = Commands(), secrets.token_hex(8)
    with redis.monitor() as monitor:
        yield counted
        redis.echo(mark)
        for said in monitor.listen():
            if mark in said["command"]:
                return
            name = said["command"].split()[0]
            if name in OPENING:
                continue
            where = counted.in_scripts if said["client_type"] == "lua" else counted.sent
            where.append(name)
