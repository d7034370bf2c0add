"""Fetching a model from the hub, the one time that Darkroom downloads weights. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

from worker.models.catalogue import ModelEntry, read_catalogue
from worker.models.shape import card, read_shape
from worker.models.sources import (
    ModelFiles,
    SourceError,
    hub_snapshot,
    is_hub_id,
    locate,
    wanted_files,
)


class PullError(Exception):
    """The model was not fetched, or cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Pulled:
    """What was fetched: the folder, the commit it is, and the table for models.toml, if any."""

    folder: Path
    commit: str
    table: str | None


def list_models(path: Path) -> str:
    """A table of the models that models.toml names, each with whether it can be used now.

    Raises CatalogueError for a broken models.toml.
    """
    catalogue = read_catalogue(path)
    rows = [("NAME", "SIZE", "STEPS", "SOURCE", "STATE")]
    notes: list[str] = []
    for name, entry in catalogue.entries.items():
        try:
            known = card(entry)
            size, state = f"{known.width}x{known.height}", "ready"
        except SourceError as error:
            size, state = "", "missing"
            notes.append(str(error))
        starred = f"{name} *" if name == catalogue.default else name
        rows.append((starred, size, str(entry.steps), entry.source, state))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", "* is the default.", *notes])


def pull_model(
    name_or_id: str,
    path: Path,
    *,
    revision: str | None = None,
    variant: str | None = None,
    progress: bool = True,
) -> Pulled:
    """Fetch a model of models.toml by its name, or any hub id, into the hub's local cache.

    Takes up where an interrupted pull stopped. Only safetensors, configuration and tokenizer
    files are fetched. `progress` draws bars on the terminal. models.toml is left as it is: for a
    hub id it does not name, `table` is what to add. Raises PullError; CatalogueError for a broken
    models.toml.
    """
    catalogue = read_catalogue(path)
    entry = catalogue.entries.get(name_or_id)
    if entry is None:
        return _pull_hub_id(name_or_id, revision, variant, progress)
    if revision or variant:
        raise PullError(f"{name_or_id} has its revision and variant in {path}; change them there.")
    return _pull_entry(entry, progress)


def _pull_hub_id(hub_id: str, revision: str | None, variant: str | None, progress: bool) -> Pulled:
    if not is_hub_id(hub_id):
        raise PullError(
            f"{hub_id} is neither a name in models.toml nor a hub id such as stabilityai/sd-turbo."
        )
    folder = _download(hub_id, revision, variant, progress, weights=True)
    commit = folder.name
    files = ModelFiles(folder, variant=variant)
    try:
        if not files.weights():
            raise SourceError(f"{hub_id} has no .safetensors weights in the diffusers layout.")
        shape = read_shape(hub_id, files)
    except SourceError as error:
        raise PullError(str(error)) from error
    name = hub_id.rsplit("/", 1)[1].lower()
    lines = [
        f"[models.{_key(name)}]",
        f'source = "{hub_id}"',
        f'revision = "{commit}"',
        *([f'variant = "{variant}"'] if variant else []),
        f"width = {shape.width}",
        f"height = {shape.height}",
    ]
    return Pulled(folder, commit, "\n".join(lines) + "\n")


def _pull_entry(entry: ModelEntry, progress: bool) -> Pulled:
    single_file = entry.source.endswith(".safetensors")
    hub_id = entry.config if single_file and entry.config is not None else entry.source
    if (entry.base / hub_id).is_dir() or not is_hub_id(hub_id):
        raise PullError(f"{entry.name} is not from the hub: {entry.source} is on this machine.")
    folder = _download(hub_id, entry.revision, entry.variant, progress, weights=not single_file)
    try:
        read_shape(entry.name, locate(entry))
    except SourceError as error:
        raise PullError(str(error)) from error
    return Pulled(folder, folder.name, None)


def _download(
    hub_id: str, revision: str | None, variant: str | None, progress: bool, *, weights: bool
) -> Path:
    wanted = wanted_files(variant, weights=weights)
    if not progress:
        disable_progress_bars()
    try:
        return hub_snapshot(hub_id, revision, wanted, download=True)
    except RevisionNotFoundError as error:
        raise PullError(f"{hub_id} has no revision {revision}.") from error
    except GatedRepoError as error:
        raise PullError(
            f"{hub_id} is shown only to those who accepted its terms: accept them on the hub, and"
            " put an access token into HF_TOKEN."
        ) from error
    except RepositoryNotFoundError as error:
        raise PullError(f"The hub has no {hub_id}, or HF_TOKEN may not see it.") from error
    except LocalEntryNotFoundError as error:
        raise PullError(
            f"The hub cannot be reached, so {hub_id} was not fetched: is this machine online, and"
            " HF_HUB_OFFLINE not set?"
        ) from error
    # The hub library lets through whatever its HTTP client and the disk raise.
    except Exception as error:
        raise PullError(
            f"{hub_id} was not fetched: {error}. Pulling again goes on where this one stopped."
        ) from error
    finally:
        enable_progress_bars()


def _key(name: str) -> str:
    # A dot in a bare TOML key would be a table in a table.
    return f'"{name}"' if "." in name else name
