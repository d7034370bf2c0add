"""What a file is: by all of it once it is here, before that by its header alone.

A header is laid into a file of the full length whose other bytes are not there (a sparse file), so
that what is said of it beforehand is said by the very code that will take it.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.additions.found import KINDS
from jobs.sentences import say
from worker.models.adding.plan import NotAddable, Said
from worker.models.files.add_ons import find
from worker.models.files.cards import card
from worker.models.files.configurations.claims import read_claims
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import MAX_HEADER, PICKLES, read_complete
from worker.models.files.sources import locate
from worker.models.folders.kinds import Section, kind_of, kind_of_folder
from worker.models.folders.scan import entry_of
from worker.models.inventory.fitting import Weights, weights_of
from worker.models.tables import ModelEntry

MOST = 32 * 2**20
"""Bytes of a header that are read beforehand; those of the largest models have a tenth."""

Read = Callable[[int], bytes]
"""The first bytes of a file, as many as asked for, or all that there are."""


@dataclass(frozen=True)
class Examined:
    """What a file or folder is, the models it is for, and what it says of itself; of a model also
    how many numbers its parts have."""

    section: Section
    family: str
    said: Said
    weights: Weights | None = None


def examine(path: Path, hint: str = "") -> Examined:
    """What lies at `path`, as it would be offered; `hint` is the kind that somebody takes it for.

    Raises NotAddable, with the reason.
    """
    try:
        if path.is_dir():
            return _examined(path, _section_of_folder(path), Said())
        header = read_complete(path)
        section = kind_of(header.shapes, hint)
        claims = read_claims(path, header)
        said = Said(
            title=claims.title,
            description=claims.description,
            licence=claims.licence,
            triggers=claims.triggers,
        )
        return _examined(path, section, said)
    except SourceError as error:
        raise NotAddable(_plain(str(error), path)) from None


@contextmanager
def laid_out(folder: Path, name: str, size: int, read: Read) -> Iterator[Path]:
    """A file with the header that `read` gives and nothing behind it.

    Raises NotAddable where it is no safetensors file.
    """
    start = read(8)
    if start.startswith(PICKLES) and read(9)[8:9] != b"{":
        raise NotAddable(
            say(
                "pickle",
                "{name} is a pickle, which can run any code when it is opened; Darkroom loads"
                " .safetensors only.",
                name=name,
            )
        )
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(MOST, MAX_HEADER) or length > size - 8:
        raise NotAddable(say("no-safetensors", "{name} is not a safetensors file", name=name))
    if read(9)[8:9] != b"{":
        raise NotAddable(say("no-safetensors", "{name} is not a safetensors file", name=name))
    peeks = folder / secrets.token_hex(8)
    peeks.mkdir(parents=True)
    try:
        file = peeks / Path(name).name
        with file.open("wb") as opened:
            opened.write(read(8 + length))
            opened.truncate(size)
        yield file
    finally:
        shutil.rmtree(peeks, ignore_errors=True)


def _examined(path: Path, section: Section, said: Said) -> Examined:
    entry = entry_of(section, "it", path)
    if isinstance(entry, ModelEntry):
        known = card(entry)
        if known.description and not said.description:
            said = said.model_copy(update={"description": known.description})
        return Examined(section, known.family, said, weights_of(locate(entry)))
    return Examined(section, find(entry).family, said)


def _section_of_folder(path: Path) -> Section:
    try:
        section = kind_of_folder(path)
    except SourceError as error:
        raise SourceError(f"it is {error}, which is nothing that is offered") from None
    if section not in KINDS:
        raise SourceError(f"it is one of the {section}, which models.toml names")
    return section


def _plain(sentence: str, path: Path) -> str:
    """A sentence without this machine's folders, and without the table that there is none of."""
    for where in ("models.it.source: ", "models.it: ", "model: it "):
        sentence = sentence.removeprefix(where)
    for section in KINDS:
        sentence = sentence.removeprefix(f"{section}.it.source: ")
    return sentence.replace(str(path), path.name).rstrip(".")
