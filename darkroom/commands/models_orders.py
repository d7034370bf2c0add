"""`darkroom models load`, `unload`, `pin`, `unpin`, `on` and `off`: what workers do with a model.

They speak to Redis, where workers look: whoever may read its data is the machine's owner.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from redis import Redis

from darkroom.commands.shared import Command, redis
from jobs.queue import orders
from jobs.records import workers
from jobs.records.workers import WorkerInfo
from jobs.settings import Settings

Act = Callable[[Redis, str, list[WorkerInfo]], str]
"""Does it for a model and some workers, and says what was done."""


def _load(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    orders.order(connection, among, "load", model)
    return f"{model} is brought into memory by {_names(among)}."


def _unload(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    orders.order(connection, among, "unload", model)
    return f"{model} leaves the memory of {_names(among)} once no picture needs it."


def _pin(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    orders.pin(connection, model, keep=True)
    return f"{model} is kept in memory by every worker that offers it."


def _unpin(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    orders.pin(connection, model, keep=False)
    return f"{model} may leave memory when something else needs the room."


def _on(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    for worker in among:
        orders.put(connection, model, worker, on=True)
    return f"{model} is offered by {_names(among)}."


def _off(connection: Redis, model: str, among: list[WorkerInfo]) -> str:
    for worker in among:
        orders.put(connection, model, worker, on=False)
    return f"{model} is left alone by {_names(among)}; what was begun is finished."


def _command(act: Act) -> Command:
    def run(parsed: argparse.Namespace, chosen: Settings) -> int:
        with redis(chosen) as connection:
            live = workers.live(connection)
            named = [each for each in live if parsed.worker in (None, each.name)]
            knowing = [each for each in named if parsed.name in each.known]
            if not knowing:
                there = ", ".join(each.name for each in live) or "none"
                where = parsed.worker or "any worker"
                print(
                    f"{parsed.name} is not known to {where}; the workers alive are: {there}.",
                    file=sys.stderr,
                )
                return 1
            print(act(connection, parsed.name, knowing))
        return 0

    return run


def _names(among: list[WorkerInfo]) -> str:
    return ", ".join(each.name for each in among)


ORDERS: tuple[tuple[str, Command, str], ...] = (
    ("load", _command(_load), "Bring a model into memory before a job asks for it."),
    ("unload", _command(_unload), "Take a model out of memory once no picture needs it."),
    ("pin", _command(_pin), "Keep a model in memory, whatever else needs the room."),
    ("unpin", _command(_unpin), "Let a model leave memory again."),
    ("on", _command(_on), "Have workers offer a model that they were told to leave alone."),
    ("off", _command(_off), "Have workers leave a model alone, also after a restart."),
)
"""The commands, with their help."""
