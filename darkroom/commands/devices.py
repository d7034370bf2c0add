"""The arguments of `darkroom devices`, `token` and `pair`: the door, worked from this machine.

They speak to Redis and not to the API: whoever may read its data is the machine's owner, and a
door must be workable while nobody can come in.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from darkroom.commands.shared import Command, action, columns, on_redis, redis
from darkroom.instance import read_state
from darkroom.network import invitation
from jobs import devices
from jobs.devices import LOCAL, BadDevice, Device
from jobs.settings import Settings

HEAD = ("ID", "NAME", "ROLE", "OWNER", "CAME AS", "SINCE", "LAST SEEN")


class NoDevice(Exception):
    """There is none that is called so, or more than one."""


def add_commands(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    """Add devices, token and pair. `add` makes the parser of a command from its name and help."""
    listing = add("devices", _spoken(_list), "List the devices that may come in, or revoke one.")
    actions = listing.add_subparsers(metavar="COMMAND")
    action(actions, "list", _spoken(_list), "List the devices.")
    revoke = action(actions, "revoke", _spoken(_revoke), "Let a device in no more, from now on.")
    revoke.add_argument("device", metavar="ID", help="its id, or its name if no other has it")

    token = add("token", _spoken(_create), "Make tokens for programs.")
    create = action(
        token.add_subparsers(metavar="COMMAND", required=True),
        "create",
        _spoken(_create),
        "Make a token and print it, this once.",
    )
    create.add_argument("--name", required=True, help="what it is for, such as 'backup script'")
    _add_rights(create)
    create.add_argument(
        "--owner", help=f"whose jobs and pictures it sees; {LOCAL} is the machine, else its own"
    )

    pair = add(
        "pair", _spoken(_pair), "Show a code by which one device comes in, within ten minutes."
    )
    _add_rights(pair)
    pair.add_argument(
        "--mine", action="store_true", help="it sees what was made on this machine as its own"
    )


def _add_rights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role",
        choices=("user", "admin"),
        default="user",
        help="a user sees and ends what is his own, an admin everything; user if left out",
    )


def _spoken(command: Command) -> Command:
    """The command with its errors as sentences on stderr."""

    def run(parsed: argparse.Namespace, chosen: Settings) -> int:
        try:
            return command(parsed, chosen)
        except (BadDevice, NoDevice) as error:
            print(f"{error}.", file=sys.stderr)
        return 1

    return on_redis("the devices", run)


def _list(parsed: argparse.Namespace, chosen: Settings) -> int:
    rows = [_row(device) for device in devices.list_devices(redis(chosen))]
    if not rows:
        print("No device has come in yet. `darkroom pair` shows a code for one.")
        return 0
    print(columns([HEAD, *rows]))
    return 0


def _row(device: Device) -> tuple[str, ...]:
    owner = "itself" if device.owner == device.id else device.owner
    since, seen = _moment(device.created_at), _moment(device.last_seen)
    return device.id, device.name, device.role, owner, device.kind, since, seen


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "never"


def _revoke(parsed: argparse.Namespace, chosen: Settings) -> int:
    connection = redis(chosen)
    called = [
        device
        for device in devices.list_devices(connection)
        if parsed.device in (device.id, device.name)
    ]
    if len(called) != 1:
        raise NoDevice(
            f"{len(called)} devices are called {parsed.device!r}; `darkroom devices` has their ids"
        )
    devices.revoke(connection, called[0].id)
    print(f"{called[0].name} ({called[0].id}) may not come in any more.")
    return 0


def _create(parsed: argparse.Namespace, chosen: Settings) -> int:
    device, token = devices.create(redis(chosen), parsed.name, parsed.role, parsed.owner)
    print(token)
    print(
        f"Keep it: it is shown this once. `darkroom devices revoke {device.id}` ends it.",
        file=sys.stderr,
    )
    return 0


def _pair(parsed: argparse.Namespace, chosen: Settings) -> int:
    if chosen.open:
        print("OPEN is set: everybody may come in as it is, without pairing.")
        return 0
    owner = LOCAL if parsed.mine else None
    code = devices.new_code(redis(chosen), role=parsed.role, owner=owner)
    print(pairing_text(_as_running(chosen), code), end="")
    return 0


def pairing_text(chosen: Settings, code: str) -> str:
    """What is shown of a code: a QR code and URL where the network reaches the server."""
    for base in invitation.addresses(chosen):
        return invitation.invitation(chosen, code, base)
    reached = f"HOST={chosen.host} is reached from this machine only"
    return f"The code is {code[:4]}-{code[4:]}. {reached}.\n"


def _as_running(chosen: Settings) -> Settings:
    """The settings with the port of the server that runs with this data, if one does."""
    state = read_state(chosen.data)
    port = urlsplit(state.url).port if state else None
    return chosen.model_copy(update={"port": port}) if port else chosen
