"""The arguments of `darkroom webhooks`: what was given up, the secret, and the sender by itself."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable
from datetime import datetime

from redis import Redis

from darkroom.commands.shared import Command, action, columns, on_redis, redis
from jobs.devices import LOCAL
from jobs.outbound.targets import place
from jobs.settings import Settings
from jobs.webhooks import messages, outbox
from jobs.webhooks.outbox import DeadLetter

HEAD = ("ID", "RECEIVER", "EVENT", "TRIES", "GIVEN UP", "WHY")


def add_commands(
    add: Callable[[str, Command, str], argparse.ArgumentParser], deliver: Command
) -> None:
    """Add webhooks. `deliver` becomes the program that sends them."""
    listing = add("webhooks", _spoken(_list), "List the webhooks that were given up; send them.")
    actions = listing.add_subparsers(metavar="COMMAND")
    action(actions, "list", _spoken(_list), "List the webhooks that were given up.")
    for name, command, text in (
        ("retry", _retry, "Send them again."),
        ("drop", _drop, "Forget them."),
    ):
        named = action(actions, name, _spoken(command), text)
        named.add_argument("id", nargs="*", metavar="ID", help="as `darkroom webhooks` lists it")
        named.add_argument("--all", action="store_true", help="all that are listed")
    secret = action(
        actions, "secret", _spoken(_secret), "Show the secret by which a receiver verifies."
    )
    secret.add_argument(
        "--owner", default=LOCAL, help=f"whose jobs; {LOCAL} is the machine, and the default"
    )
    action(
        actions,
        "health",
        _spoken(_health),
        "Say by the exit code whether this host's sender lives.",
    )
    sending = actions.add_parser(
        "deliver",
        help="Send webhooks, as a container does.",
        description="Send webhooks until stopped. `darkroom up` runs one; several may run.",
    )
    sending.set_defaults(command=deliver)


def _spoken(command: Command) -> Command:
    return on_redis("the webhooks", command)


def _list(parsed: argparse.Namespace, chosen: Settings) -> int:
    connection = redis(chosen)
    letters = outbox.dead_letters(connection)
    if letters:
        receivers = outbox.hooks(connection, [letter.job for letter in letters])
        rows = [
            _row(letter, place(hook.url) if hook else "(its job was deleted)")
            for letter, hook in zip(letters, receivers, strict=True)
        ]
        print(columns([HEAD, *rows]))
    else:
        print("No webhook was given up.")
    print(f"Jobs with webhooks on their way: {outbox.waiting(connection)}.")
    return 0


def _row(letter: DeadLetter, receiver: str) -> tuple[str, ...]:
    at = datetime.fromtimestamp(letter.at).strftime("%Y-%m-%d %H:%M")
    return letter.id, receiver, letter.kind, str(letter.attempts), at, letter.reason


def _retry(parsed: argparse.Namespace, chosen: Settings) -> int:
    connection = redis(chosen)
    chosen_letters = _chosen(parsed, connection)
    if chosen_letters is None:
        return 1
    sent = sum(outbox.revive(connection, letter) for letter in chosen_letters)
    gone = len(chosen_letters) - sent
    print(f"{sent} will be sent again." + (f" {gone} are of deleted jobs." if gone else ""))
    return 0


def _drop(parsed: argparse.Namespace, chosen: Settings) -> int:
    connection = redis(chosen)
    chosen_letters = _chosen(parsed, connection)
    if chosen_letters is None:
        return 1
    for letter in chosen_letters:
        outbox.drop(connection, letter)
    print(f"{len(chosen_letters)} were dropped.")
    return 0


def _secret(parsed: argparse.Namespace, chosen: Settings) -> int:
    print(messages.secret(redis(chosen), parsed.owner))
    return 0


def _health(parsed: argparse.Namespace, chosen: Settings) -> int:
    if outbox.lives(redis(chosen), socket.gethostname()):
        return 0
    print("No sender of webhooks on this host has said of late that it lives.", file=sys.stderr)
    return 1


def _chosen(parsed: argparse.Namespace, connection: Redis) -> list[DeadLetter] | None:
    letters = {letter.id: letter for letter in outbox.dead_letters(connection)}
    if parsed.all:
        return list(letters.values())
    unknown = [each for each in parsed.id if each not in letters]
    if unknown or not parsed.id:
        which = f"No webhook {unknown[0]} was given up" if unknown else "Name an ID, or --all"
        print(f"{which}; `darkroom webhooks list` has them.", file=sys.stderr)
        return None
    return [letters[each] for each in parsed.id]
