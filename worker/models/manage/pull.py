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

from jobs.request.model_card import name_from
from worker.models.catalogue import read_catalogue
from worker.models.files import add_ons
from worker.models.files.add_ons import find
from worker.models.files.architecture import read_architecture
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import wanted_files
from worker.models.files.formats.places import Patterns, hub_snapshot, is_hub_id
from worker.models.files.sources import TINY_VAE, locate
from worker.models.files.steering.mappers import of_detector
from worker.models.inventory.inventory import licence_beside, weight_files
from worker.models.manage.toml_text import Value, table
from worker.models.tables import ControlNetEntry, Entry, ModelEntry, PreprocessorEntry


class PullError(Exception):
    """The model was not fetched, or cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Pulled:
    """What was fetched: the folder, the commit it is, its weights, and the table for models.toml
    where it has none yet."""

    folder: Path
    commit: str
    files: list[Path]
    table: str | None


def pull_model(
    name_or_id: str,
    path: Path,
    *,
    revision: str | None = None,
    variant: str | None = None,
    progress: bool = True,
) -> Pulled:
    """Fetch what models.toml names, or the model of any hub id, into the hub's local cache.

    Takes up where an interrupted pull stopped. Only safetensors, configuration, tokenizer files
    and the model card are fetched. `progress` draws bars on the terminal. models.toml is left as
    it is: for a hub id it does not name, `table` is what to add. Raises PullError; CatalogueError
    for a broken models.toml.
    """
    catalogue = read_catalogue(path)
    entries = catalogue.named(name_or_id)
    if not entries:
        return _pull_hub_id(name_or_id, path, revision, variant, progress)
    if revision or variant:
        raise PullError(f"{name_or_id} has its revision and variant in {path}; change them there.")
    if len(entries) > 1:
        remote = [entry for entry in entries if hub_id_of(entry)]
        entries = remote or entries
    pulled = [pull_entry(entry, progress=progress) for entry in entries]
    return pulled[0]


def pull_entry(entry: Entry, *, progress: bool = True) -> Pulled:
    """Fetch what an entry of models.toml takes from the hub. Raises PullError."""
    hub_id = hub_id_of(entry)
    if hub_id is None:
        raise PullError(f"{entry.name} is not from the hub: {entry.source} is on this machine.")
    folder = _download(hub_id, entry.revision, _wanted(entry), progress)
    tiny = entry.tiny_vae if isinstance(entry, ModelEntry) else None
    if tiny is not None and not (entry.base / tiny).is_dir():
        _download(tiny, None, _with_card(TINY_VAE), progress)
    if isinstance(entry, PreprocessorEntry) and entry.detector is not None:
        detector = entry.model_copy(update=of_detector(entry))
        if (detector_id := hub_id_of(detector)) is not None:
            _download(detector_id, None, _wanted(detector), progress)
    try:
        if isinstance(entry, ModelEntry):
            read_architecture(entry.name, locate(entry))
        else:
            find(entry)
        files = weight_files(entry)
    except SourceError as error:
        raise PullError(str(error)) from error
    return Pulled(folder, folder.name, files, None)


def hub_id_of(entry: Entry) -> str | None:
    """The hub id that an entry's files come from; None for one that lies on this machine.

    Of a single file only the configuration comes from the hub.
    """
    config = entry.config if isinstance(entry, ModelEntry | ControlNetEntry) else None
    single_file = entry.source.endswith(".safetensors")
    hub_id = config if single_file and config is not None else entry.source
    return None if (entry.base / hub_id).is_dir() or not is_hub_id(hub_id) else hub_id


def _pull_hub_id(
    hub_id: str, path: Path, revision: str | None, variant: str | None, progress: bool
) -> Pulled:
    if not is_hub_id(hub_id):
        raise PullError(
            f"{hub_id} is neither a name in models.toml nor a hub id such as stabilityai/sd-turbo."
        )
    name = plain_name(hub_id)
    said = {"source": hub_id, "revision": revision, "variant": variant}
    entry = ModelEntry.model_validate({"name": name, "base": path.resolve().parent} | said)
    folder = _download(hub_id, revision, _wanted(entry), progress)
    try:
        pinned = entry.model_copy(update={"revision": folder.name})
        files = locate(pinned)
        architecture = read_architecture(hub_id, files)
    except SourceError as error:
        raise PullError(str(error)) from error
    values: dict[str, Value] = {"source": hub_id, "revision": folder.name}
    if variant:
        values["variant"] = variant
    if licence := licence_beside(files.weights()):
        values["licence"] = licence
    values |= {"width": architecture.width, "height": architecture.height}
    return Pulled(folder, folder.name, files.weights(), table("models", name, values))


def plain_name(source: str) -> str:
    """A name for what lies at `source`, made of what a name may have."""
    last = source.rstrip("/").rsplit("/", 1)[-1].removesuffix(".safetensors")
    return name_from(last) or "model"


def _wanted(entry: Entry) -> Patterns:
    if isinstance(entry, ModelEntry):
        single_file = entry.source.endswith(".safetensors")
        return wanted_files(entry.variant, weights=not single_file)
    return _with_card(add_ons.wanted_files(entry))


def _with_card(wanted: Patterns) -> Patterns:
    """The model card as well, which says under which licence the weights are."""
    return Patterns([*wanted.allow, "README.md"], wanted.ignore)


def _download(hub_id: str, revision: str | None, wanted: Patterns, progress: bool) -> Path:
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
