"""Looking again: what changed of models.toml and of the files that it and the folders offer.

For a worker that runs. A change counts once two looks in a row see the same, so that neither half
a models.toml nor a file that is still being written is taken for what it is to be. No torch.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import huggingface_hub

from worker.models.catalogue import SECTIONS, Catalogue, CatalogueError, read_catalogue
from worker.models.files.formats.places import find_path, is_hub_id
from worker.models.folders import about
from worker.models.folders.about import AboutSignature, with_about
from worker.models.folders.offered import with_found
from worker.models.folders.scan import Signature, scan, signature
from worker.models.tables import Entry

SHOWN = {
    "title",
    "description",
    "licence",
    "steps",
    "guidance_scale",
    "sampler",
    "schedule",
    "width",
    "height",
    "triggers",
}
"""Keys of a table that callers see or send; the others decide what is loaded."""

PLACES = ("source", "config", "text_encoder", "image_encoder", "detector", "tiny_vae", "vae")
"""Keys of a table that say where files lie."""

MOST = 2000
"""Files looked at below one folder of a model; no layout has a tenth of them."""

State = tuple[str, int, int]
"""A file's path, size and time."""

States = frozenset[State]


@dataclass(frozen=True)
class Look:
    """What there is at a moment. `marks` has for each table, such as `models.emoji`, what its
    weights are loaded from: where two looks have the same, nothing needs to be loaded again.
    `problems` are sentences on models.toml and on files that are no use."""

    catalogue: Catalogue
    marks: Mapping[str, Hashable] = field(default_factory=dict[str, Hashable])
    problems: tuple[str, ...] = ()

    def table(self, where: str) -> tuple[Entry, Hashable] | None:
        """An entry and its mark, by its table."""
        found = self.entries.get(where)
        return None if found is None else (found, self.marks.get(where))

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Everything, by its table."""
        return {entry.where: entry for entry in self.catalogue.everything}


class Watch:
    """Looks at a models.toml and at folders of model files again and again.

    `now` is what counts: what it began with, and then what two looks in a row agreed on. Raises
    CatalogueError at the start for a models.toml that cannot be read; later one that cannot be
    read changes nothing, and `problems` says why.
    """

    def __init__(self, models_toml: Path, folders: Sequence[Path]) -> None:
        self._file = models_toml
        self._folders = folders
        self._text: bytes | None = None
        self._named: Catalogue = self._read()
        self._found = scan(())
        self._seen: tuple[Catalogue, Signature, States, AboutSignature] | None = None
        self._elsewhere: list[str] = []
        self.now = self._last = Look(self._named)
        self.now = self._last = self._look()

    def look(self) -> Look | None:
        """Look again; what counts from now on, or None where that is what counted before."""
        try:
            self._named = self._read()
        except CatalogueError as error:
            found = (each.reason for each in self._found.unusable)
            return self._count(replace(self.now, problems=(str(error), *found)))
        seen = self._look()
        settled = seen if seen is self._last else settle(self.now, self._last, seen)
        self._last = seen
        return self._count(settled)

    def _count(self, look: Look) -> Look | None:
        if look is self.now or look == self.now:
            return None
        self.now = look
        return look

    def _read(self) -> Catalogue:
        try:
            text = self._file.read_bytes()
        except OSError:
            text = None
        if text is None or text != self._text:
            named = read_catalogue(self._file)
            self._text = text
            return named
        return self._named

    def _look(self) -> Look:
        """What there is; the same object as the last time where nothing has changed."""
        there = signature(self._folders)
        said: AboutSignature = frozenset()
        if self._folders:
            said = about.signature(self._folders[0])
        seen = self._named, there, self._states(), said
        if seen == self._seen:
            return self._last
        self._found = scan(self._folders)
        catalogue = self._with_replaced(with_found(self._named, self._found))
        if said:
            catalogue = with_about(catalogue, self._folders[0])
        files = {path for path, _, _ in there}
        self._elsewhere = [
            place
            for entry in catalogue.everything
            for place in _places(entry)
            if place not in files or os.path.isdir(place)
        ]
        # What is written into a folder of a model's parts does not show in the signature.
        folders = (each.path for each in self._found.unusable)
        self._elsewhere += [str(path) for path in folders if path.is_dir()]
        self._seen = self._named, there, self._states(), said
        marks = {entry.where: mark_of(entry) for entry in catalogue.everything}
        return Look(catalogue, marks, tuple(each.reason for each in self._found.unusable))

    def _states(self) -> States:
        """The files that do not lie in the folders as one file each."""
        return frozenset(state for place in self._elsewhere for state in _below(place))

    def _with_replaced(self, catalogue: Catalogue) -> Catalogue:
        """The catalogue with files that it had and that cannot be used just now, such as one that
        is being written over: they lie there still, so nobody has removed them."""
        unusable = {str(each.path) for each in self._found.unusable}
        there = {entry.where for entry in catalogue.everything}
        tables: dict[str, dict[str, Any]] = {}
        for where, entry in self.now.entries.items():
            if where in there or entry.source not in unusable:
                continue
            if entry.base == Path(entry.source).parent:
                tables.setdefault(entry.section, {})[entry.name] = entry
        return _with_tables(catalogue, tables)


def settle(now: Look, before: Look, seen: Look) -> Look:
    """What counts after a look has `seen` something: of each table what this look and the one
    `before` agree on, else what counts `now`."""
    entries: dict[str, Entry] = {}
    marks: dict[str, Hashable] = {}
    for where in [*seen.entries, *(each for each in now.entries if each not in seen.entries)]:
        agreed = seen.table(where)
        if agreed != before.table(where):
            agreed = now.table(where)
        if agreed is not None:
            entries[where], marks[where] = agreed
    catalogue = seen.catalogue
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for entry in entries.values():
        sections[entry.section][entry.name] = entry
    models = sections.pop("models")
    default = catalogue.default if catalogue.default in models else now.catalogue.default
    if default not in models:
        default = next(iter(models), default)
    settled = replace(catalogue, entries=models, default=default, **sections)
    return Look(settled, marks, seen.problems)


def mark_of(entry: Entry) -> Hashable:
    """What an entry's weights are loaded from: keys of its table, and the files as they are now."""
    said = entry.model_dump(exclude=SHOWN, exclude_unset=True)
    keys = tuple((key, repr(value)) for key, value in said.items())
    return keys, frozenset(state for place in _places(entry) for state in _below(place))


def _with_tables(catalogue: Catalogue, tables: Mapping[str, Mapping[str, Any]]) -> Catalogue:
    changed: dict[str, Any] = {}
    for section, entries in tables.items():
        field_name = "entries" if section == "models" else section
        changed[field_name] = {**getattr(catalogue, field_name), **entries}
    return replace(catalogue, **changed) if changed else catalogue


def _places(entry: Entry) -> Iterator[str]:
    """Where an entry's files lie, there or not yet."""
    values: list[object] = [getattr(entry, key, None) for key in PLACES]
    flat: list[object] = []
    for said in values:
        flat += cast("list[object]", said) if isinstance(said, list) else [said]
    for said in flat:
        if not isinstance(said, str):
            continue
        path = find_path(said, entry.base)
        if path.exists() or not is_hub_id(said):
            yield str(path)
        else:
            # What was pulled lies in the hub's cache, under a name that its library gives.
            name = "models--" + said.replace("/", "--")
            yield str(Path(huggingface_hub.constants.HF_HUB_CACHE) / name)


def _below(place: str) -> Iterator[State]:
    """The file there, or all files of the folder there."""
    waiting = [place]
    looked = 0
    while waiting and looked < MOST:
        each = waiting.pop()
        looked += 1
        try:
            state = os.stat(each)
            if stat.S_ISDIR(state.st_mode):
                waiting += [entry.path for entry in os.scandir(each)]
            else:
                yield each, state.st_size, state.st_mtime_ns
        except OSError:
            continue
