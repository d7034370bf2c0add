"""`darkroom jobs`: what waits and runs on a server, in which order, and no longer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from darkroom_client import Darkroom, Job

from darkroom.commands.client import connect
from darkroom.commands.shared import Command, action, columns

HEAD = ("ID", "STATUS", "BEFORE IT", "SECONDS", "MODEL", "PROMPT")

SHOWN = 40
"""Characters of a prompt."""

OnServer = Callable[[str, argparse.Namespace], int]


def add_commands(
    parser: argparse.ArgumentParser,
    on_server: Callable[[OnServer], Command],
    add_url: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add list, move and cancel."""
    actions = parser.add_subparsers(metavar="COMMAND")
    add_url(action(actions, "list", on_server(show), "List what waits and runs, first the first."))
    moving = action(actions, "move", on_server(move), "Move a job that waits.")
    moving.add_argument("id", metavar="ID", help="as `darkroom jobs` lists it")
    where = moving.add_mutually_exclusive_group(required=True)
    where.add_argument("--first", action="store_true", help="before your others")
    where.add_argument("--last", action="store_true", help="after your others")
    where.add_argument("--before", metavar="ID", help="before this one")
    where.add_argument("--after", metavar="ID", help="after this one")
    add_url(moving)
    ending = action(actions, "cancel", on_server(cancel), "Cancel jobs.")
    ending.add_argument("id", nargs="*", metavar="ID", help="as `darkroom jobs` lists it")
    ending.add_argument("--all", action="store_true", help="all that you have there")
    add_url(ending)


def show(url: str, parsed: argparse.Namespace) -> int:
    """List the caller's jobs that have not ended, in the order in which they come."""
    with connect(url) as darkroom:
        found = _open(darkroom)
    print(columns([HEAD, *map(_row, found)]) if found else "Nothing waits or runs.")
    return 0


def move(url: str, parsed: argparse.Namespace) -> int:
    """Move a job, and say where it is."""
    to = "first" if parsed.first else "last" if parsed.last else None
    with connect(url) as darkroom:
        job = darkroom.move(parsed.id, to=to, before=parsed.before, after=parsed.after)
    print(f"{job.queue_position} jobs begin before it.")
    return 0


def cancel(url: str, parsed: argparse.Namespace) -> int:
    """Cancel the jobs that are named, or all."""
    if bool(parsed.id) == parsed.all:
        print("Name an ID, or --all; `darkroom jobs` has them.", file=sys.stderr)
        return 1
    with connect(url) as darkroom:
        # The last first, so that none begins in the place of one that was just canceled.
        ids = [job.id for job in reversed(_open(darkroom))] if parsed.all else parsed.id
        ended = [darkroom.cancel(each) for each in ids]
    print(f"{len(ended)} canceled.")
    return 0


def _open(darkroom: Darkroom) -> list[Job]:
    found = [*darkroom.jobs(status="running"), *darkroom.jobs(status="queued")]
    return sorted(found, key=lambda job: -1 if job.queue_position is None else job.queue_position)


def _row(job: Job) -> tuple[str, ...]:
    before = "" if job.queue_position is None else str(job.queue_position)
    seconds = "" if job.eta_s is None else f"{job.eta_s:.0f}"
    prompt = " ".join(str(job.input["prompt"]).split())[:SHOWN]
    return job.id, job.status, before, seconds, str(job.input["model"]), prompt
