"""Where something that models.toml names lies: at a path, or in the hub's local cache. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import huggingface_hub
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import validate_repo_id

from worker.models.files.errors import SourceError
from worker.models.tables import AddOnEntry


@dataclass(frozen=True)
class Patterns:
    """Which files of a hub repository are wanted, and which of those are not after all."""

    allow: list[str]
    ignore: list[str]


def find_path(source: str, base: Path) -> Path:
    """The path that `source` is, if it is one, for a models.toml in the folder `base`."""
    return base / Path(source).expanduser()


def find_file(source: str, base: Path, where: str) -> Path:
    """The file at `source`. Raises SourceError, naming the key `where`, for one that is not
    there."""
    path = find_path(source, base)
    if not path.is_file():
        raise SourceError(f"{where}: there is no file {path}.")
    return path


def find_folder(
    source: str,
    base: Path,
    where: str,
    wanted: Patterns,
    *,
    revision: str | None = None,
    fetch: str,
) -> Path:
    """The folder at `source`, or that was pulled for it from the hub; nothing is downloaded.

    `wanted` is what of a hub repository must be here, and `fetch` the command that brings it.
    Raises SourceError, naming the key `where`, for a folder that is not here.
    """
    path = find_path(source, base)
    if path.is_dir():
        return path
    if not is_hub_id(source):
        raise SourceError(f"{where}: there is no folder {path}.")
    try:
        return hub_snapshot(source, revision, wanted, download=False)
    except LocalEntryNotFoundError:
        at = f" at revision {revision}" if revision else ""
        raise SourceError(
            f"{where}: {source}{at} is not on this machine, neither as a folder nor pulled from"
            f" the hub; `{fetch}` fetches it."
        ) from None


def add_on_folder(entry: AddOnEntry, source: str, wanted: Patterns) -> Path:
    """The same for an add-on that models.toml names, whose key `source` says it."""
    return find_folder(
        source,
        entry.base,
        f"{entry.where}.source",
        wanted,
        revision=entry.revision,
        fetch=f"darkroom models pull {entry.name}",
    )


def is_hub_id(source: str) -> bool:
    """Whether `source` has the form owner/name of a hub repository."""
    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return source.count("/") == 1 and not source.startswith(".")


def hub_snapshot(hub_id: str, revision: str | None, wanted: Patterns, *, download: bool) -> Path:
    """The folder of a hub repository's files at a revision, in the hub's local cache.

    Without `download` only what was pulled before is found. Raises the hub library's errors,
    LocalEntryNotFoundError where files are missing here and cannot be fetched.
    """
    # Any: its signature is only partly typed.
    snapshot = cast(Any, huggingface_hub).snapshot_download(
        hub_id,
        revision=revision,
        allow_patterns=wanted.allow,
        ignore_patterns=wanted.ignore,
        local_files_only=not download,
    )
    return Path(snapshot)
