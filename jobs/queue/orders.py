"""What operators want of models in memory: which to keep, which worker is to leave one alone.

What is to last stands in Redis, where workers look every second. What is to be done once is sent to
the workers that are alive.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, cast

from redis import Redis
from rq.command import send_command  # pyright: ignore[reportUnknownVariableType] untyped **kwargs

from jobs.records import workers
from jobs.records.workers import WorkerInfo

PINS = "darkroom:pins"
"""Set: models that are kept in memory."""

OFF = "darkroom:off"
"""Set: `model/host/device`, a model that the workers of this machine on this device leave alone."""

ASKED = "darkroom:look"
"""Counts how often somebody asked the workers to look at the models again."""

COMMAND = "models"
"""The command of a worker's channel, with an `action` and the `model` it is about."""

Action = Literal["look", "load", "unload"]

POLL = 0.05
"""Seconds between two looks at whether the workers have looked."""


@dataclass(frozen=True)
class Wanted:
    """What operators want at a moment; `asked` counts the times that they asked for a look."""

    pins: frozenset[str]
    off: frozenset[str]
    asked: int

    def is_off(self, model: str, host: str, device: str) -> bool:
        """Whether the workers of a machine's device are to leave a model alone."""
        return _seat(model, host, device) in self.off


def wanted(connection: Redis) -> Wanted:
    """What operators want now."""
    with connection.pipeline(transaction=False) as pipe:
        pipe.smembers(PINS)
        pipe.smembers(OFF)
        pipe.get(ASKED)
        pins, off, asked = cast("tuple[set[bytes], set[bytes], bytes | None]", pipe.execute())
    return Wanted(
        frozenset(each.decode() for each in pins),
        frozenset(each.decode() for each in off),
        int(asked or 0),
    )


def pin(connection: Redis, model: str, *, keep: bool) -> None:
    """Keep a model in the memory of every worker that offers it, or no longer."""
    if keep:
        connection.sadd(PINS, model)
    else:
        connection.srem(PINS, model)
    _send(connection, workers.live(connection), "look", "")


def put(connection: Redis, model: str, worker: WorkerInfo, *, on: bool) -> None:
    """Have the workers of this one's machine and device offer a model, or leave it alone."""
    seat = _seat(model, worker.host, worker.device)
    if on:
        connection.srem(OFF, seat)
    else:
        connection.sadd(OFF, seat)
    _send(connection, workers.live(connection), "look", "")


def order(
    connection: Redis, among: list[WorkerInfo], action: Literal["load", "unload"], model: str
) -> None:
    """Have workers bring a model into memory, or take it out once no picture needs it."""
    _send(connection, among, action, model)


def look_again(connection: Redis, seconds: float) -> bool:
    """Have every worker look at its models again, and wait until they have, so long at most;
    returns whether they have."""
    number = connection.incr(ASKED)
    _send(connection, workers.live(connection), "look", "")
    until = time.monotonic() + seconds
    while any(each.looked < number for each in workers.live(connection)):
        if time.monotonic() > until:
            return False
        time.sleep(POLL)
    return True


def _send(connection: Redis, among: list[WorkerInfo], action: Action, model: str) -> None:
    for each in among:
        send_command(connection, each.name, COMMAND, action=action, model=model)


def _seat(model: str, host: str, device: str) -> str:
    return f"{model}/{host}/{device}"
