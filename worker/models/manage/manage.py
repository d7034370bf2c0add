"""Adding to models.toml and taking out of it, with every other line left as it is. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from worker.models.catalogue import Catalogue, CatalogueError, read_catalogue
from worker.models.files.add_ons import find
from worker.models.files.cards import card
from worker.models.files.errors import SourceError
from worker.models.folders.offered import read_offered
from worker.models.inventory.inventory import licence_beside, weight_files
from worker.models.manage.pull import hub_id_of, plain_name, pull_entry
from worker.models.manage.toml_text import (
    EditError,
    Value,
    table,
    with_default,
    with_table,
    without_table,
)
from worker.models.tables import PICKLED, Entry, ModelEntry


class ManageError(Exception):
    """models.toml was left as it was; the message says why and what to do."""


@dataclass(frozen=True)
class Added:
    """What was added: its entry as models.toml has it now, and the table's text."""

    entry: Entry
    table: str


@dataclass(frozen=True)
class Removed:
    """What was taken out: where its files were, and the bytes that deleting them freed."""

    entry: Entry
    freed: int | None


def add(
    path: Path,
    source: str,
    section: str,
    values: dict[str, Value],
    *,
    name: str | None = None,
    here: Path,
    progress: bool = True,
) -> Added:
    """Add a model or an add-on to models.toml, after a look at its files; a hub id is pulled first.

    `source` is a path from `here`, or a hub id; `values` are more keys of the table. Raises
    ManageError where something of that name is there or its files cannot be used, PullError and
    CatalogueError.
    """
    if source.endswith(PICKLED):
        raise ManageError(
            f"{source} is a pickle, which can run any code when it is opened; Darkroom loads"
            " .safetensors only. Many models are shared in both formats."
        )
    catalogue = read_catalogue(path)
    name = name or plain_name(source)
    if any(entry.section == section for entry in catalogue.named(name)):
        raise ManageError(f"{path} has [{section}.{name}] already; give it another name.")
    keys: dict[str, Value] = {"source": _from_file(path, source, here), **values}
    if isinstance(config := keys.get("config"), str):
        keys["config"] = _from_file(path, config, here)
    encoders = keys.get("text_encoder")
    if isinstance(encoders, list):
        keys["text_encoder"] = [_from_file(path, each, here) for each in encoders]
    text = path.read_text(encoding="utf-8")

    entry = _entry(path, _with_table(path, text, section, name, keys), section, name)
    if hub_id_of(entry):
        commit = pull_entry(entry, progress=progress).commit
        if hub_id_of(entry) == entry.source:
            keys["revision"] = commit
    entry = _entry(path, _with_table(path, text, section, name, keys), section, name)
    try:
        files = weight_files(entry)
        card(entry) if isinstance(entry, ModelEntry) else find(entry)
    except SourceError as error:
        raise ManageError(str(error)) from error
    if not entry.licence and (licence := licence_beside(files)):
        keys["licence"] = licence
    changed = _with_table(path, text, section, name, keys)
    entry = _entry(path, changed, section, name)
    _write(path, changed)
    return Added(entry, table(section, name, keys))


def remove(
    path: Path,
    name: str,
    section: str | None = None,
    *,
    default: str | None = None,
    files: bool = False,
) -> Removed:
    """Take a model or an add-on out of models.toml; with `files` delete what was pulled for it.

    `default` names the new default model where the old one goes. Raises ManageError and
    CatalogueError.
    """
    catalogue = read_catalogue(path)
    entry = _one(catalogue, name, section)
    text = path.read_text(encoding="utf-8")
    is_default = entry.section == "models" and name == catalogue.default
    if is_default and len(catalogue.entries) == 1:
        raise ManageError(f"{name} is the only model; a server needs one.")
    if is_default and default is None:
        others = ", ".join(each for each in catalogue.entries if each != name)
        raise ManageError(
            f"{name} is the default model; name another with --default, one of {others}."
        )
    if default is not None and (default not in catalogue or default == name):
        raise ManageError(f"--default: there will be no model named {default}.")
    delete = _deletion(entry, catalogue) if files else None
    try:
        changed = without_table(text, entry.section, name)
        if default is not None:
            changed = with_default(changed, default)
    except EditError as error:
        raise ManageError(f"{path}: {error}.") from error
    _checked(path, changed)
    _write(path, changed)
    return Removed(entry, delete() if delete else None)


def make_default(path: Path, folders: Sequence[Path], name: str) -> None:
    """Make a model the default one: of models.toml, or a file that lies in one of the folders.

    Raises ManageError and CatalogueError.
    """
    catalogue, _ = read_offered(path, folders)
    if name not in catalogue:
        there_are = ", ".join(catalogue.entries)
        raise ManageError(f"No model is named {name}; there are {there_are}.")
    text = path.read_text(encoding="utf-8")
    try:
        if name not in read_catalogue(path):
            # The default is one that models.toml names.
            keys: dict[str, Value] = {"source": catalogue[name].source}
            text = with_table(text, "models", name, keys)
        changed = with_default(text, name)
    except EditError as error:
        raise ManageError(f"{path}: {error}.") from error
    _checked(path, changed)
    _write(path, changed)


def _with_table(path: Path, text: str, section: str, name: str, keys: dict[str, Value]) -> str:
    """The text of `path` with one table more. Raises ManageError."""
    try:
        return with_table(text, section, name, keys)
    except EditError as error:
        raise ManageError(f"{path}: {error}.") from error


def _one(catalogue: Catalogue, name: str, section: str | None) -> Entry:
    found = [e for e in catalogue.named(name) if section in (None, e.section)]
    if not found:
        kinds = f" in [{section}]" if section else ""
        there_are = ", ".join(entry.name for entry in catalogue.everything)
        raise ManageError(f"Nothing is named {name}{kinds}; there are {there_are}.")
    if len(found) > 1:
        sections = ", ".join(f"[{entry.section}.{name}]" for entry in found)
        raise ManageError(f"{name} is the name of {sections}; say which with --kind.")
    return found[0]


def _deletion(entry: Entry, catalogue: Catalogue) -> Callable[[], int]:
    """What deletes the snapshot that was pulled for an entry and says how much that freed."""
    hub_id = hub_id_of(entry)
    if hub_id is None or hub_id != entry.source:
        raise ManageError(
            f"{entry.source} was not pulled by Darkroom, so --files leaves it: delete it yourself."
        )
    for other in catalogue.everything:
        if other is not entry and hub_id_of(other) == hub_id and other.revision == entry.revision:
            raise ManageError(
                f"[{other.section}.{other.name}] takes its files from {hub_id} too, so they"
                " stay: remove it without --files."
            )
    try:
        cached = [repo for repo in scan_cache_dir().repos if repo.repo_id == hub_id]
    except CacheNotFound:
        cached = []
    wanted = entry.revision or "main"
    commits = [
        revision.commit_hash
        for repo in cached
        for revision in repo.revisions
        if wanted in (revision.commit_hash, *revision.refs)
    ]
    if not commits:
        raise ManageError(
            f"{hub_id} at {wanted} is not in the hub's cache: there is nothing to"
            " delete. Remove it without --files."
        )

    def delete() -> int:
        strategy = scan_cache_dir().delete_revisions(*commits)
        strategy.execute()
        return strategy.expected_freed_size

    return delete


def _from_file(path: Path, source: str, here: Path) -> str:
    """`source`, which was said in the folder `here`, as models.toml says it."""
    at = (here / Path(source).expanduser()).resolve()
    if not at.exists():
        return source
    base = path.resolve().parent
    return at.relative_to(base).as_posix() if at.is_relative_to(base) else str(at)


def _entry(path: Path, text: str, section: str, name: str) -> Entry:
    catalogue = _checked(path, text)
    return next(each for each in catalogue.named(name) if each.section == section)


def _checked(path: Path, text: str) -> Catalogue:
    """The catalogue that `path` would be with this text. Raises CatalogueError."""
    base = path.resolve().parent
    # Beside the real one, because that is where its paths start from.
    with NamedTemporaryFile("w", encoding="utf-8", dir=base, prefix=f".{path.name}.") as temporary:
        temporary.write(text)
        temporary.flush()
        try:
            return read_catalogue(Path(temporary.name))
        except CatalogueError as error:
            raise CatalogueError(str(error).replace(temporary.name, str(path))) from error


def _write(path: Path, text: str) -> None:
    """Replace the file in one go; a link stays one. Raises ManageError."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ManageError(f"{path} cannot be written: {error}.") from error
