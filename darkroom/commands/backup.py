"""The arguments of `darkroom backup` and `darkroom restore`, and what they say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from darkroom.backup.archive import BadBackup, is_file
from darkroom.backup.backup import make
from darkroom.backup.restore import NotEmpty, restore
from darkroom.backup.snapshot import NoSnapshot
from darkroom.commands.shared import Command, on_redis, url_of_redis
from darkroom.supervision.redis_server import RedisMissing
from jobs.pictures.image_store import ImageStore
from jobs.settings import Settings

PATH = "a file ending in .tar, - for a tar file by the standard streams, or a folder"

SHOWN = 5
"""Missing pictures that are named."""


def add_commands(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add backup and restore. `add` makes the parser of a command from its name and help."""
    making = add(
        "backup",
        _spoken("is backed up", _backup),
        "Copy all jobs and pictures while the server runs.",
    )
    making.add_argument("path", type=Path, help=f"{PATH}; a folder takes only new pictures anew")
    back = add(
        "restore",
        _spoken("is restored", _restore),
        "Make a backup the data of a server that has none yet and is not running.",
    )
    back.add_argument("path", type=Path, help=PATH)


def _spoken(done: str, command: Command) -> Command:
    """The command with its errors as sentences on stderr."""

    def run(parsed: argparse.Namespace, chosen: Settings) -> int:
        try:
            return command(parsed, chosen)
        except (BadBackup, NoSnapshot, NotEmpty, RedisMissing) as error:
            reason = str(error).rstrip(".")
        except OSError as error:
            reason = f"{error.filename or parsed.path}: {error.strerror or error}"
        print(f"Nothing {done}: {reason}.", file=sys.stderr)
        return 1

    return on_redis("the jobs", run)


def _backup(parsed: argparse.Namespace, chosen: Settings) -> int:
    store = ImageStore(chosen.image_store_url)
    made = make(url_of_redis(chosen), store, parsed.path)
    new = "" if is_file(parsed.path) else f", {made.new} of them new"
    print(
        f"Backed up to {parsed.path}: all jobs, and {made.pictures} pictures{new}. Secrets are in "
        "it (picture URLs, webhooks): keep it where only you read it.",
        # The output may be the backup.
        file=sys.stderr,
    )
    return 0


def _restore(parsed: argparse.Namespace, chosen: Settings) -> int:
    done = restore(chosen, parsed.path)
    print(f"Restored: {done.jobs} jobs and {done.pictures} pictures.")
    if done.released:
        print(f"{done.released} jobs ran when the backup was made; they wait again.")
    if done.missing:
        named = ", ".join(sorted(done.missing)[:SHOWN])
        print(f"{len(done.missing)} pictures were deleted while it was made: {named}.")
    return 0
