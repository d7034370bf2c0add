"""The commands of `darkroom` and their arguments."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from darkroom_client import DarkroomError, RequestRefused

from darkroom import __version__, machine
from darkroom.commands import (
    backup,
    devices,
    jobs,
    models,
    models_arguments,
    settings_page,
    webhooks,
)
from darkroom.commands.doctor.command import doctor, worker_health
from darkroom.commands.generate import command as generate
from darkroom.commands.shared import Command, action
from darkroom.instance import read_state
from darkroom.network import tls
from darkroom.supervision.programs import api_command, webhooks_command, worker_command
from darkroom.supervision.up import up
from jobs.machine_settings import REPOSITORY
from jobs.request.checks import blocklist
from jobs.request.checks.blocklist import BadBlocklist
from jobs.settings import Settings, settings

PIPE_CLOSED = 128 + signal.SIGPIPE
"""The exit code of a program whose output nobody reads any more."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    chosen = settings()
    command: Command = parsed.command
    try:
        code = command(parsed, chosen)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read it has seen enough, as `head` does; nothing is to be flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except RequestRefused as error:
        wrong = [f"{each.pointer}: {each.detail}" for each in error.errors]
        print("\n".join(wrong or [str(error)]), file=sys.stderr)
        return 1
    except DarkroomError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="darkroom",
        description="The image server of a local network.",
        epilog="Settings are environment variables; `darkroom settings` lists them.",
    )
    parser.add_argument("--version", action="version", version=f"darkroom {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        return action(commands, name, command, text)

    start = add("up", _up, "Start Redis, the API and the workers, and keep them running.")
    start.add_argument("--open", action="store_true", help="let everybody in, without pairing")
    start.add_argument("--tls", action="store_true", help="serve https by a local authority")
    add("server", _server, "Run the API alone, as a container does. REDIS_URL names its Redis.")
    worker = add("worker", _worker, "Run one worker alone. REDIS_URL names its Redis.")
    worker.add_argument("--name", help="a name that no worker had before")

    make = add("generate", _generate, "Make a picture from a prompt and save it.")
    generate.add_arguments(make)
    _add_url(make)

    listing = add("jobs", _on_server(jobs.show), "List what waits and runs, move it or cancel it.")
    _add_url(listing)
    jobs.add_commands(listing, _on_server, _add_url)

    tools = add("mcp", _mcp, "Serve tools to an assistant that speaks MCP, on stdin and stdout.")
    tools.add_argument("--port", type=int, metavar="N", help="by HTTP on this machine instead")
    _add_url(tools)

    listing = add("models", _models, "Say which models a server offers, or manage this one's.")
    _add_url(listing)
    models_arguments.add_commands(listing)

    devices.add_commands(add)
    webhooks.add_commands(add, _deliver)

    backup.add_commands(add)

    check = add("doctor", _doctor, "Say what is wrong with this machine.")
    check.add_argument("--worker", action="store_true", help="only: does this host's worker live?")

    listing = add("settings", _settings, "List the settings and their values.")
    listing.add_argument("--markdown", action="store_true", help="as docs/settings.md")
    return parser


def _add_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        help="the server; this machine's if left out. DARKROOM_TOKEN has the token for another",
    )


def _up(parsed: argparse.Namespace, chosen: Settings) -> int:
    for name in ("open", "tls"):
        if getattr(parsed, name):
            # The API reads it there, as every child does.
            os.environ[name.upper()] = "true"
    settings.cache_clear()
    return up(settings())


def _server(parsed: argparse.Namespace, chosen: Settings) -> int:
    try:
        # Each process of gunicorn would end by it with a traceback.
        blocklist.current()
    except BadBlocklist as error:
        print(error, file=sys.stderr)
        return 1
    if chosen.tls:
        tls.ensure(chosen.tls_folder, machine.names(chosen))
    return _become(api_command())


def _worker(parsed: argparse.Namespace, chosen: Settings) -> int:
    return _become(worker_command(parsed.name))


def _deliver(parsed: argparse.Namespace, chosen: Settings) -> int:
    return _become(webhooks_command())


def _generate(parsed: argparse.Namespace, chosen: Settings) -> int:
    return generate.generate(_url(parsed, chosen), parsed)


def _on_server(run: Callable[[str, argparse.Namespace], int]) -> Command:
    return lambda parsed, chosen: run(_url(parsed, chosen), parsed)


def _mcp(parsed: argparse.Namespace, chosen: Settings) -> int:
    try:
        # An extra, which only this command needs.
        tools = import_module("darkroom.mcp.tools")
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        print('There is no `mcp` here: pip install "darkroom[mcp]" brings it.', file=sys.stderr)
        return 1
    tools.serve(_url(parsed, chosen), parsed.port)
    return 0


def _models(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.show(_url(parsed, chosen), chosen)


def _doctor(parsed: argparse.Namespace, chosen: Settings) -> int:
    return worker_health(chosen) if parsed.worker else doctor(chosen)


def _settings(parsed: argparse.Namespace, chosen: Settings) -> int:
    print(settings_page.markdown() if parsed.markdown else settings_page.table(chosen), end="")
    if not parsed.markdown:
        print()
    return 0


def _url(parsed: argparse.Namespace, chosen: Settings) -> str:
    """The server that was named, else the one `darkroom up` runs here, else where it would."""
    state = read_state(chosen.data)
    return parsed.url or (state.url if state else machine.local_url(chosen))


def _become(command: list[str]) -> int:
    # Replaced, not started: the container's or systemd's signals reach the program itself.
    sys.stdout.flush()
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *([path] if path else [])])
    os.execv(command[0], command)
