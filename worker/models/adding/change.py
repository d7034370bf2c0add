"""What an admin changes of a model that is here: what is said of it, its defaults, and its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jobs.sentences import say
from worker.models.adding.place import Place
from worker.models.catalogue import Catalogue, CatalogueError, read_catalogue
from worker.models.files.cards import card
from worker.models.files.errors import SourceError
from worker.models.files.formats.places import find_path
from worker.models.folders.about import About, about_file, read_about, told, write_about
from worker.models.folders.offered import read_offered
from worker.models.manage.manage import ManageError, make_default, remove
from worker.models.manage.pull import hub_id_of
from worker.models.tables import Entry, ModelEntry


class NotThere(Exception):
    """There is nothing of this name here."""


class NotChanged(Exception):
    """Nothing was changed; the sentence says why, `field` which of the values is not right."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True)
class Shop:
    """Where the models of a machine are named and lie."""

    place: Place
    models_toml: Path
    folders: Sequence[Path]

    def catalogue(self) -> Catalogue:
        """All that there is, as it stands now. Raises NotChanged."""
        try:
            return read_offered(self.models_toml, self.folders)[0]
        except CatalogueError as error:
            raise NotChanged(str(error)) from None

    def entry(self, section: str, name: str) -> Entry:
        """One of them. Raises NotThere."""
        named = self.catalogue().named(name)
        found = next((each for each in named if each.section == section), None)
        if found is None:
            raise NotThere(
                say("not-there", "nothing of that kind is named {name!r}", name=name[:64])
            )
        return found

    def named(self, name: str, section: str | None) -> bool:
        """Whether models.toml has a table of this name. Raises CatalogueError."""
        named = read_catalogue(self.models_toml).named(name)
        return any(section in (None, each.section) for each in named)

    def is_own(self, entry: Entry) -> bool:
        """Whether it lies in Darkroom's own folder of models."""
        return _inside(entry, self.place) is not None


@dataclass(frozen=True)
class Deleted:
    """What deleting a model freed, and which files it removed, named from the folder of models."""

    freed: int
    files: list[str]


def change(
    shop: Shop, section: str, name: str, values: dict[str, Any], *, default: bool = False
) -> None:
    """Let something else be said of a model, or other defaults hold; None takes a change back.

    `default` makes it the model of requests that name none. Raises NotThere and NotChanged.
    """
    entry = shop.entry(section, name)
    about = read_about(shop.place.folder, section, name)
    edits = {key: value for key, value in (about.edits | values).items() if value is not None}
    changed = about.model_copy(update={"edits": edits})
    _check(entry, changed, values)
    try:
        write_about(shop.place.folder, section, name, changed)
        if default:
            make_default(shop.models_toml, shop.folders, name)
    except (ManageError, CatalogueError) as error:
        raise NotChanged(str(error), "default") from None
    except OSError as error:
        raise NotChanged(f"it cannot be written: {error.strerror or error}") from None


def delete(shop: Shop, section: str, name: str) -> Deleted:
    """Delete a model's files and all that is said of it. Raises NotThere and NotChanged."""
    catalogue = shop.catalogue()
    entry = shop.entry(section, name)
    if section == "models" and name == catalogue.default:
        raise NotChanged(
            say(
                "is-default",
                "{name} is the default model; make another the default first",
                name=name,
            )
        )
    named = shop.named(name, section)
    try:
        if named and hub_id_of(entry) == entry.source:
            removed = remove(shop.models_toml, name, section, files=True)
            deleted = Deleted(removed.freed or 0, [entry.source])
        else:
            deletion = _deletion(entry, shop.place)
            if named:
                remove(shop.models_toml, name, section)
            deleted = deletion()
    except (ManageError, CatalogueError) as error:
        raise NotChanged(str(error)) from None
    except OSError as error:
        raise NotChanged(f"it cannot be deleted: {error.strerror or error}") from None
    about_file(shop.place.folder, section, name).unlink(missing_ok=True)
    return deleted


def _check(entry: Entry, about: About, values: dict[str, Any]) -> None:
    """Raises NotChanged where the values do not fit."""
    table = entry.model_dump(exclude_unset=True) | about.edits
    try:
        type(entry).model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise NotChanged(message, field) from None
    if isinstance(entry, ModelEntry):
        changed = told(entry, about)
        assert isinstance(changed, ModelEntry)
        try:
            card(changed)
        except SourceError as error:
            field = next((each for each in values if f".{each}:" in str(error)), "")
            raise NotChanged(str(error).rpartition(f"{entry.where}.")[2], field) from None


def _inside(entry: Entry, place: Place) -> Path | None:
    """Where an entry lies in the folder of a place; None where it lies elsewhere."""
    path = Path(os.path.abspath(find_path(entry.source, entry.base)))
    root = place.folder.resolve()
    # Not what the last part may be a link to: that is what goes, and not what it leads to.
    inside = path.parent.resolve() / path.name
    return inside if inside.is_relative_to(root) and inside != root else None


def _deletion(entry: Entry, place: Place) -> Callable[[], Deleted]:
    """What deletes an entry's files. Raises NotChanged where they are not Darkroom's to delete."""
    inside, root = _inside(entry, place), place.folder.resolve()
    if inside is None:
        raise NotChanged(
            say(
                "not-ours",
                "{source} does not lie in {folder}, so it is left where it is; `darkroom models"
                " remove` takes it out of models.toml, or delete it yourself",
                source=entry.source,
                folder=str(place.folder),
            )
        )

    def delete() -> Deleted:
        name = str(inside.relative_to(root))
        if inside.is_symlink():
            inside.unlink()
            return Deleted(0, [name])
        if inside.is_dir():
            files = [each for each in inside.rglob("*") if each.is_file()]
            freed = sum(each.lstat().st_size for each in files)
            shutil.rmtree(inside)
            return Deleted(freed, sorted(str(each.relative_to(root)) for each in files))
        freed = inside.stat().st_size
        inside.unlink()
        return Deleted(freed, [name])

    return delete
