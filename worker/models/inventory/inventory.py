"""What models.toml names and what of it lies on this machine: files, sizes, licences. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import huggingface_hub

from jobs.request.model_card import Kind
from worker.models.catalogue import Catalogue
from worker.models.files.add_ons import add_on_weights, find
from worker.models.files.cards import card
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import problem_of
from worker.models.files.sources import locate
from worker.models.files.widths import model_widths
from worker.models.inventory.hashes import HashMemory
from worker.models.tables import PICKLED, AddOnEntry, Entry, ModelEntry


@dataclass(frozen=True)
class Item:
    """A model or an add-on of models.toml, as far as this machine knows it.

    `family` is a model's architecture, of an add-on the models it fits; `sha256` None where it was
    not worked out yet. `problem` says why it cannot be used.
    """

    section: str
    name: str
    source: str
    family: str = ""
    kinds: list[Kind] = field(default_factory=list[Kind])
    licence: str = ""
    bytes: int = 0
    sha256: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CheckedFile:
    """A file of weights: its sha256, and what is wrong with it, if anything is."""

    path: Path
    bytes: int
    sha256: str
    problem: str | None


@dataclass(frozen=True)
class Checked:
    """An item, every file of it looked at, and a note on what lies beside them."""

    item: Item
    files: list[CheckedFile] = field(default_factory=list[CheckedFile])
    note: str = ""

    @property
    def problems(self) -> list[str]:
        """What keeps it from being used, and what is wrong with its files."""
        found = [self.item.problem, *(file.problem for file in self.files)]
        return list(dict.fromkeys(problem for problem in found if problem))


def list_items(catalogue: Catalogue, memory: HashMemory) -> list[Item]:
    """Everything that a catalogue has. Reads no weights: a hash is told where it is known."""
    return [look_at(entry, catalogue, memory) for entry in catalogue.everything]


def look_at(entry: Entry, catalogue: Catalogue, memory: HashMemory) -> Item:
    """What is known of an entry without reading its weights."""
    item = Item(entry.section, entry.name, entry.source, licence=entry.licence)
    try:
        files = weight_files(entry)
        licence = entry.licence or licence_beside(files)
        size = sum(file.stat().st_size for file in files)
        digest = memory.known(files)
    except (SourceError, OSError) as error:
        return replace(item, problem=str(error))
    item = replace(item, licence=licence, bytes=size, sha256=digest.whole if digest else None)
    try:
        if isinstance(entry, ModelEntry):
            known = card(entry)
            return replace(item, family=known.family, kinds=known.kinds)
        return replace(item, family=_fitting(entry, catalogue))
    except SourceError as error:
        return replace(item, problem=str(error))


def check(entry: Entry, catalogue: Catalogue, memory: HashMemory) -> Checked:
    """Look at every byte of an entry's weights: complete, safetensors, and what the hub had."""
    item = look_at(entry, catalogue, memory)
    try:
        files = weight_files(entry)
        digest = memory.work_out(files)
    except (SourceError, OSError):
        return Checked(item)
    checked = [
        CheckedFile(file, file.stat().st_size, sha256, problem_of(file) or _not_hubs(file, sha256))
        for file, sha256 in zip(files, digest.files, strict=True)
    ]
    return Checked(replace(item, sha256=digest.whole), checked, _pickles_beside(files))


def weight_files(entry: Entry) -> list[Path]:
    """The files of an entry's weights. Raises SourceError where they are not on this machine."""
    if isinstance(entry, ModelEntry):
        return locate(entry).weights()
    return add_on_weights(entry)


def licence_beside(files: list[Path]) -> str:
    """The licence in the front matter of the model card that lies with the weights, or nothing."""
    for folder in dict.fromkeys(up for file in files for up in list(file.parents)[:2]):
        try:
            # Any: a card says what its author wrote.
            said: dict[str, Any] = cast(Any, huggingface_hub).metadata_load(folder / "README.md")
        # A card is prose written by anybody: a broken one says nothing of its licence.
        except Exception:
            continue
        licence: object = said.get("license") if said else None
        if licence == "other":
            licence = said.get("license_name") or licence
        if isinstance(licence, list):
            return ", ".join(map(str, cast(list[object], licence)))
        if licence:
            return str(licence)
    return ""


def _fitting(entry: AddOnEntry, catalogue: Catalogue) -> str:
    """The models that an add-on fits. Raises SourceError for a file that is something else."""
    found = find(entry)
    fitting: list[str] = []
    for model in catalogue.entries.values():
        try:
            if found.fits(model_widths(locate(model).config)):
                fitting.append(model.name)
        except SourceError:
            continue
    return f"for {', '.join(fitting)}" if fitting else "for no model here"


def _not_hubs(file: Path, sha256: str) -> str | None:
    """A pulled file lies in the hub's cache under its own sha256, so damage shows."""
    blob = file.resolve()
    if blob.parent.name == "blobs" and len(blob.name) == 64 and blob.name != sha256:
        return f"{file} is not what the hub sent: its sha256 is not {blob.name}; pull it again."
    return None


def _pickles_beside(files: list[Path]) -> str:
    folders = dict.fromkeys(file.parent for file in files)
    pickles = [p.name for folder in folders for p in folder.iterdir() if p.name.endswith(PICKLED)]
    if not pickles:
        return ""
    names = ", ".join(sorted(pickles)[:3])
    return f"Beside them lie pickles, which are never opened: {names}."
