"""`darkroom models`: which models there are, how to bring one here, check it, and let it go."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from darkroom_client import DarkroomError, Model

from darkroom.commands.client import connect
from darkroom.commands.shared import columns
from jobs.settings import Settings

if TYPE_CHECKING:
    from jobs.additions.fit import Fit, Way
    from jobs.additions.found import Found
    from worker.models.inventory.fitting import Machine
    from worker.models.inventory.hashes import HashMemory
    from worker.models.inventory.inventory import Checked, Item

NEEDS_WORKER = (
    "This installation has only the server's part, which holds no models. "
    "Run it where a worker is installed: sh requirements/install.sh worker"
)

NOT_SAID = "not said; its source may say"

SOON = "A running worker offers it within a few seconds."

P = ParamSpec("P")


def _with_worker(command: Callable[P, int]) -> Callable[P, int]:
    """A command that needs the worker's part, and whose errors are sentences for a person."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            from worker.models.catalogue import CatalogueError
            from worker.models.loading.memory.machine import NoDevice
            from worker.models.manage.manage import ManageError
            from worker.models.manage.pull import PullError
        except ImportError:
            print(NEEDS_WORKER, file=sys.stderr)
            return 1
        try:
            return command(*args, **kwargs)
        except (CatalogueError, ManageError, NoDevice, PullError) as error:
            print(error, file=sys.stderr)
            return 1

    return run


def show(url: str, chosen: Settings) -> int:
    """List what a running server offers, or else what models.toml names."""
    try:
        with connect(url) as darkroom:
            print(_offered(darkroom.models()))
        return 0
    except DarkroomError as error:
        reason = str(error).partition("\n")[0]
    print(f"{reason}\nThis is what {chosen.models} names:\n", file=sys.stderr)
    return list_here(chosen)


@_with_worker
def list_here(chosen: Settings) -> int:
    """List what models.toml names and what lies in the folders of models, as it is on this
    machine."""
    from worker.models.folders.offered import read_offered
    from worker.models.inventory.inventory import list_items

    catalogue, unusable = read_offered(chosen.models, chosen.model_folders)
    items, default = list_items(catalogue, _memory(chosen)), catalogue.default
    rows = [("NAME", "KIND", "FAMILY", "SIZE", "SHA256", "LICENCE", "SOURCE", "STATE")]
    rows += [_row(item, default) for item in items]
    problems = [item.problem for item in items if item.problem]
    problems += [each.reason for each in unusable]
    print("\n".join([columns(rows), "", "* is the default.", *problems]))
    return 0


@_with_worker
def pull(name: str, chosen: Settings, revision: str | None, variant: str | None) -> int:
    """Fetch a model from the hub, and say what to add to models.toml."""
    from worker.models.inventory.inventory import licence_beside
    from worker.models.manage.pull import pull_model

    pulled = pull_model(name, chosen.models, revision=revision, variant=variant)
    digest = _memory(chosen).work_out(pulled.files)
    print(f"{name} is in {pulled.folder}")
    print(f"licence  {licence_beside(pulled.files) or 'not said'}")
    for file, sha256 in zip(pulled.files, digest.files, strict=True):
        print(f"sha256   {sha256}  {_short(file)}")
    if pulled.table:
        print(f"\nTo offer it, add this to {chosen.models}:\n\n{pulled.table}")
    return 0


@_with_worker
def add(
    source: str,
    section: str,
    values: dict[str, Any],
    chosen: Settings,
    *,
    name: str | None,
    here: Path,
) -> int:
    """Add a model to models.toml, and show it as `check` does."""
    from worker.models.adding.here import fit_of
    from worker.models.catalogue import read_catalogue
    from worker.models.inventory import inventory
    from worker.models.manage import manage

    if source.startswith(("http://", "https://")):
        return _add_link(source, section, values, chosen, name)
    if section == "models" and (fit := fit_of(source, chosen, _machine(chosen), here)):
        print("\n".join([f"{source}: {fit.summary}.", *_ways(fit), ""]), flush=True)
    added = manage.add(chosen.models, source, section, values, name=name, here=here)
    catalogue = read_catalogue(chosen.models)
    checked = inventory.check(added.entry, catalogue, _memory(chosen))
    print(f"Added to {chosen.models}:\n\n{added.table}")
    print("\n".join(_report(checked, catalogue.default)))
    print(f"\n{SOON}")
    return 1 if checked.problems else 0


def _add_link(
    source: str, section: str, values: dict[str, Any], chosen: Settings, name: str | None
) -> int:
    """Fetch a file into DATA/models, where it is offered without a table."""
    from worker.models.adding.here import add_link
    from worker.models.manage.manage import ManageError

    if values:
        keys = ", ".join(f"--{each.replace('_', '-')}" for each in values)
        raise ManageError(f"{keys}: a link is added without a table; say it in {chosen.models}.")
    kind = None if section == "models" else section
    section, name = add_link(source, chosen, _shown, _machine(chosen), name=name, section=kind)
    print(f"Added as {section.removesuffix('s')} {name}, in {chosen.model_folders[0]}\n\n{SOON}")
    return 0


def _shown(found: Found) -> None:
    size = _size(found.bytes) if found.bytes is not None else "of unknown size"
    print(
        f"{found.title}  {found.kind or ''}  {found.family}\n  licence  {found.licence or NOT_SAID}"
    )
    print(f"  size     {size}", flush=True)
    if found.fit is not None:
        print("\n".join([f"  memory   {found.fit.summary}", *_ways(found.fit)]), flush=True)


def _ways(fit: Fit) -> list[str]:
    """How a model could lie here, a line a way, and which of them would do."""
    rows = [(_way(each), f"{each.bytes / 1e9:.2f} GB", _verdict(each)) for each in fit.ways]
    return [f"    {line}" for line in columns(rows).splitlines()]


def _way(way: Way) -> str:
    said = [way.dtype]
    said += [f'quantize = "{way.quantize}"'] if way.quantize else []
    said += [f'offload = "{way.offload}"'] if way.offload else []
    return ", ".join(said)


def _verdict(way: Way) -> str:
    if not way.fits:
        return "does not fit"
    return f"fits; needs the package {way.package}" if way.package else "fits"


def _machine(chosen: Settings) -> Machine:
    from worker.models.loading.memory.machine import this_machine

    return this_machine(chosen.device, int(chosen.model_memory_gb * 1e9) or None)


@_with_worker
def remove(
    name: str, section: str | None, chosen: Settings, *, default: str | None, files: bool
) -> int:
    """Take a model out of models.toml, with `files` out of the hub's cache as well."""
    from worker.models.adding.here import delete_here, refuse_without_table
    from worker.models.manage import manage

    if files and default is None and (deleted := delete_here(name, section, chosen)):
        print(f"{name} was deleted: {_size(deleted.freed)}. Jobs that wait for it fail.")
        return 0
    refuse_without_table(name, section, chosen)
    removed = manage.remove(chosen.models, name, section, default=default, files=files)
    print(
        f"{name} is no longer in {chosen.models}. A running worker finishes the pictures that it"
        " has begun with it; jobs that wait for it fail."
    )
    if removed.freed is None:
        print(f"Its files stay where they are: {removed.entry.source}")
    else:
        print(f"Its files were deleted: {_size(removed.freed)}.")
    return 0


@_with_worker
def default(name: str, chosen: Settings) -> int:
    """Make a model the one that requests without a model get."""
    from worker.models.manage import manage

    manage.make_default(chosen.models, chosen.model_folders, name)
    print(f"{name} is the default model. A running worker takes it as such within a few seconds.")
    return 0


@_with_worker
def check(name: str | None, chosen: Settings) -> int:
    """Look at every file of what models.toml names and of what lies in the folders of models; 1
    where anything is wrong."""
    from worker.models.folders.offered import read_offered
    from worker.models.inventory import inventory

    catalogue, _ = read_offered(chosen.models, chosen.model_folders)
    entries = catalogue.named(name) if name else catalogue.everything
    if not entries:
        print(f"Nothing is named {name} in {chosen.models}.", file=sys.stderr)
        return 1
    bad = 0
    for entry in entries:
        checked = inventory.check(entry, catalogue, _memory(chosen))
        bad += bool(checked.problems)
        print("\n".join(_report(checked, catalogue.default)), end="\n\n")
    print(f"{bad} of {len(entries)} cannot be used." if bad else "Everything can be used.")
    return 1 if bad else 0


@_with_worker
def convert(file: Path) -> int:
    """Make a .safetensors file of a pickle of weights, beside it, and run nothing of it."""
    from worker.models.files.errors import SourceError
    from worker.models.loading import convert as converting

    try:
        print(f"Written: {converting.convert(file)}")
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _memory(chosen: Settings) -> HashMemory:
    from worker.models.inventory.hashes import HASHES, HashMemory

    return HashMemory(chosen.measured_folder / HASHES)


def _row(item: Item, default: str) -> tuple[str, ...]:
    return (
        _starred(item, default),
        item.section.removesuffix("s"),
        item.family,
        _size(item.bytes) if item.bytes else "",
        item.sha256[:10] if item.sha256 else "",
        item.licence,
        item.source,
        "unusable" if item.problem else "ready",
    )


def _report(checked: Checked, default: str) -> list[str]:
    item = checked.item
    lines = [
        f"{_starred(item, default)}  {item.section.removesuffix('s')}  {item.family}".rstrip(),
        f"  licence  {item.licence or NOT_SAID}",
    ]
    if item.kinds:
        lines.append(f"  does     {', '.join(item.kinds)}")
    for file in checked.files:
        lines.append(f"  sha256   {file.sha256}  {_size(file.bytes)}  {_short(file.path)}")
    if len(checked.files) > 1:
        lines.append(f"  sha256   {item.sha256}  all of them together")
    if checked.note:
        lines.append(f"  note     {checked.note}")
    return [*lines, *(f"  wrong    {problem}" for problem in checked.problems or [])] + (
        [] if checked.problems else ["  fine"]
    )


def _starred(item: Item, default: str) -> str:
    is_default = item.section == "models" and item.name == default
    return f"{item.name} *" if is_default else item.name


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _offered(offered: list[Model]) -> str:
    rows: list[tuple[str, ...]] = [
        ("NAME", "STATE", "FAMILY", "SIZE", "STEPS", "GUIDANCE", "SAMPLER", "LICENCE", "TITLE")
    ]
    for each in offered:
        name = f"{each.name} *" if each.default else each.name
        size = f"{each.width}x{each.height}"
        state = each.state if each.state != "loading" else f"{each.loaded:.0%}"
        how = (str(each.steps), str(each.guidance_scale), each.sampler, each.licence, each.title)
        rows.append((name, state, each.family, size, *how))
    return "\n".join([columns(rows), "", "* is the default."])
