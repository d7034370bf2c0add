"""What several commands do alike: a command of a command, Redis, a table, an error in words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from darkroom.instance import redis_url
from jobs.connection import connect
from jobs.settings import Settings

Command = Callable[[argparse.Namespace, Settings], int]


def action(actions: Any, name: str, command: Command, text: str) -> argparse.ArgumentParser:
    """The parser of a command's own command. `actions` is what add_subparsers gave."""
    added = actions.add_parser(name, help=text, description=text)
    added.set_defaults(command=command)
    return added


class NoServer(Exception):
    """No server runs here whose Redis could be meant; the sentence is for whoever typed."""


def url_of_redis(chosen: Settings) -> str:
    """Where the Redis of this machine's server is. Raises NoServer."""
    found = redis_url(chosen)
    if found is None:
        # The usual port may have the Redis of another server, whose devices and jobs are not meant.
        raise NoServer(
            f"No server runs with DATA={chosen.data}: start it, or set DATA or REDIS_URL as for "
            "the one that runs."
        )
    return found


def redis(chosen: Settings) -> Redis:
    """The Redis of this machine's server. Raises NoServer."""
    return connect(url_of_redis(chosen))


def on_redis(what: str, command: Command) -> Command:
    """A command on what Redis holds, such as "the devices", which says so where it is away."""

    def run(parsed: argparse.Namespace, chosen: Settings) -> int:
        try:
            return command(parsed, chosen)
        except NoServer as error:
            print(error, file=sys.stderr)
        except AuthenticationError:
            text = f"Redis holds {what} and wants a password: set REDIS_URL as for `darkroom up`."
            print(text, file=sys.stderr)
        except RedisError as error:
            reason = str(error).rstrip(".")
            text = f"Redis does not answer, and it holds {what}: {reason}. Is Darkroom running?"
            print(text, file=sys.stderr)
        return 1

    return run


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A table, its head first, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
