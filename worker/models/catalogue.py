"""Reading models.toml: which models and add-ons there are, where each lies, and its defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from worker.models.tables import (
    AddOnEntry,
    AddOnTable,
    ControlNetEntry,
    ControlNetTable,
    Entry,
    FaceRestorerEntry,
    FaceRestorerTable,
    IPAdapterEntry,
    IPAdapterTable,
    LoraEntry,
    LoraTable,
    ModelEntry,
    ModelTable,
    PreprocessorEntry,
    PreprocessorTable,
    SafetyEntry,
    SafetyTable,
    SegmenterEntry,
    Table,
    VaeEntry,
    VaeTable,
)

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names travel in URLs, lanes and file names, so they are kept plain."""


class CatalogueError(Exception):
    """models.toml does not say what it must: the worker does not start, and prints the message."""


@dataclass(frozen=True)
class Catalogue:
    """The models and add-ons of one models.toml, in the file's order."""

    entries: dict[str, ModelEntry]
    default: str
    loras: dict[str, LoraEntry] = field(default_factory=dict[str, LoraEntry])
    embeddings: dict[str, AddOnEntry] = field(default_factory=dict[str, AddOnEntry])
    controlnets: dict[str, ControlNetEntry] = field(default_factory=dict[str, ControlNetEntry])
    ip_adapters: dict[str, IPAdapterEntry] = field(default_factory=dict[str, IPAdapterEntry])
    vaes: dict[str, VaeEntry] = field(default_factory=dict[str, VaeEntry])
    upscalers: dict[str, AddOnEntry] = field(default_factory=dict[str, AddOnEntry])
    preprocessors: dict[str, PreprocessorEntry] = field(
        default_factory=dict[str, PreprocessorEntry]
    )
    segmenters: dict[str, SegmenterEntry] = field(default_factory=dict[str, SegmenterEntry])
    face_restorers: dict[str, FaceRestorerEntry] = field(
        default_factory=dict[str, FaceRestorerEntry]
    )
    safety: SafetyEntry | None = None

    @property
    def add_ons(self) -> list[AddOnEntry]:
        """What can be added to a model, in the order of the sections."""
        return [
            *self.loras.values(),
            *self.embeddings.values(),
            *self.controlnets.values(),
            *self.ip_adapters.values(),
            *self.vaes.values(),
            *self.upscalers.values(),
            *self.preprocessors.values(),
            *self.segmenters.values(),
            *self.face_restorers.values(),
        ]

    @property
    def everything(self) -> list[Entry]:
        """All that models.toml names, in the order of its sections."""
        return [*self.entries.values(), *self.add_ons]

    def named(self, name: str) -> list[Entry]:
        """Everything of this name: a model and a LoRA may share one."""
        return [entry for entry in self.everything if entry.name == name]

    def __getitem__(self, name: str) -> ModelEntry:
        return self.entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self.entries


SECTIONS = {
    "models": "a model",
    "loras": "a LoRA",
    "embeddings": "an embedding",
    "controlnets": "a ControlNet",
    "ip_adapters": "an IP-Adapter",
    "vaes": "an autoencoder",
    "upscalers": "an upscaler",
    "preprocessors": "a preprocessor",
    "segmenters": "a segmenter",
    "face_restorers": "a face restorer",
}
"""What each table of tables in models.toml names."""


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a models.toml.

    Raises CatalogueError with one sentence that names the file, the key and what fits there.
    """
    document = _document(path)
    default: object = document.pop("default", None)
    safety: object = document.pop("safety", None)
    for key in document:
        if key not in SECTIONS:
            raise CatalogueError(f"{path}: {_unknown(key, ['default', 'safety', *SECTIONS])}")
    tables = document.get("models")
    if not isinstance(tables, dict) or not tables:
        raise CatalogueError(f"{path}: names no model; each has a table such as [models.emoji].")
    entries = _section(path, document, "models", ModelTable, ModelEntry)
    default = default if default is not None else next(iter(entries))
    if not isinstance(default, str) or default not in entries:
        raise CatalogueError(
            f"{path}: default: {default!r} is no model; there are {', '.join(entries)}."
        )
    controlnets = _section(path, document, "controlnets", ControlNetTable, ControlNetEntry)
    return Catalogue(
        entries,
        default,
        loras=_section(path, document, "loras", LoraTable, LoraEntry),
        embeddings=_section(path, document, "embeddings", AddOnTable, AddOnEntry),
        controlnets=controlnets,
        ip_adapters=_section(path, document, "ip_adapters", IPAdapterTable, IPAdapterEntry),
        vaes=_section(path, document, "vaes", VaeTable, VaeEntry),
        upscalers=_section(path, document, "upscalers", AddOnTable, AddOnEntry),
        preprocessors=_section(
            path, document, "preprocessors", PreprocessorTable, PreprocessorEntry
        ),
        segmenters=_section(path, document, "segmenters", AddOnTable, SegmenterEntry),
        face_restorers=_section(
            path, document, "face_restorers", FaceRestorerTable, FaceRestorerEntry
        ),
        safety=_safety(path, safety) if safety is not None else None,
    )


def _safety(path: Path, table: object) -> SafetyEntry:
    checked = _checked(path, "safety", table, SafetyTable)
    return SafetyEntry(base=path.resolve().parent, **checked.model_dump())


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"{path}: there is no such file; MODELS names it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not TOML: {error}.") from error


T = TypeVar("T", bound=Table)
E = TypeVar(
    "E",
    ModelEntry,
    AddOnEntry,
    LoraEntry,
    ControlNetEntry,
    IPAdapterEntry,
    PreprocessorEntry,
    SegmenterEntry,
    FaceRestorerEntry,
    VaeEntry,
)


def _section(
    path: Path,
    document: Mapping[str, object],
    section: str,
    table_class: type[Table],
    entry_class: type[E],
) -> dict[str, E]:
    """The tables `[section.NAME]`, checked."""
    tables = document.get(section, {})
    if not isinstance(tables, dict):
        raise CatalogueError(f"{path}: {section}: must hold tables such as [{section}.NAME].")
    entries: dict[str, E] = {}
    for name, table in cast(dict[str, object], tables).items():
        if not NAME.fullmatch(name):
            raise CatalogueError(
                f"{path}: {section}.{name}: {SECTIONS[section]}'s name is up to 64 of a-z, 0-9,"
                " dot, dash and underscore."
            )
        checked = _checked(path, f"{section}.{name}", table, table_class)
        own: dict[str, Any] = {"name": name, "base": path.resolve().parent}
        if issubclass(entry_class, AddOnEntry):
            own["section"] = section
        entries[name] = entry_class(**own, **checked.model_dump(exclude_unset=True))
    return entries


def _checked(path: Path, header: str, table: object, table_class: type[T]) -> T:
    """The table `[header]`, if it says what it must."""
    if not isinstance(table, dict):
        raise CatalogueError(f"{path}: {header}: must be a table, [{header}].")
    try:
        return table_class.model_validate(table)
    except ValidationError as error:
        sentence = _sentence(error.errors()[0], table_class)
        raise CatalogueError(f"{path}: {header}.{sentence}") from error


def _sentence(error: ErrorDetails, table_class: type[Table]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(key, list(table_class.model_fields))
    if error["type"] == "missing":
        return f"{key}: is missing."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {message}, not {error['input']!r}."


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}."
    return f"{key}: is no key; {hint}"
