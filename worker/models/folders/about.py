"""What is said of models beside models.toml and their files: by their source, and by an admin.

Each has a small file in the first folder of models. What an admin changed goes before all else;
what the source said, where it came from elsewhere, only fills what models.toml leaves open. No
torch.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.models.catalogue import SECTIONS, Catalogue
from worker.models.tables import Entry, ModelEntry

OWN = ".darkroom"
"""Darkroom's own folder in a folder of models; what begins with a dot is never offered."""


class About(BaseModel):
    """What is said of one model or add-on: keys of its table. `addition` is what brought it."""

    model_config = ConfigDict(frozen=True)

    said: dict[str, Any] = Field(default_factory=dict[str, Any])
    edits: dict[str, Any] = Field(default_factory=dict[str, Any])
    source: str = ""
    addition: str = ""


Abouts = Mapping[str, About]
"""By the table that it is of, such as `loras.bright`."""

AboutSignature = frozenset[tuple[str, int, int]]
"""Another one means that something else is said."""


def about_file(folder: Path, section: str, name: str) -> Path:
    """Where it stands what is said of one."""
    return folder / OWN / "about" / section / f"{name}.json"


def read_about(folder: Path, section: str, name: str) -> About:
    """What is said of one; nothing where there is no file, or none that can be read."""
    try:
        return About.model_validate_json(about_file(folder, section, name).read_bytes())
    except (OSError, ValidationError):
        return About()


def write_about(folder: Path, section: str, name: str, about: About) -> None:
    """Say something else of one; where it is nothing its file goes. Raises OSError."""
    file = about_file(folder, section, name)
    if about == About():
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with temporary.open("w", encoding="utf-8") as opened:
        opened.write(about.model_dump_json(indent=1))
        opened.flush()
        os.fsync(opened.fileno())
    temporary.replace(file)


def signature(folder: Path) -> AboutSignature:
    """What can be seen of all that is said without reading it."""
    states: set[tuple[str, int, int]] = set()
    for section in SECTIONS:
        try:
            for each in os.scandir(folder / OWN / "about" / section):
                if each.name.endswith(".json") and not each.name.startswith("."):
                    state = each.stat()
                    states.add((f"{section}/{each.name}", state.st_size, state.st_mtime_ns))
        except OSError:
            continue
    return frozenset(states)


def with_about(catalogue: Catalogue, folder: Path) -> Catalogue:
    """The catalogue with what is said of its entries."""
    said = _read(folder, signature(folder))
    if not said:
        return catalogue
    tables: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for entry in catalogue.everything:
        about = said.get(entry.where)
        tables[entry.section][entry.name] = entry if about is None else told(entry, about)
    models = tables.pop("models")
    return replace(catalogue, entries=models, **tables)


def told(entry: Entry, about: About) -> Entry:
    """An entry with what is said of it."""
    fields = type(entry).model_fields
    own = entry.model_fields_set
    keys = {key: value for key, value in about.said.items() if key in fields and key not in own}
    keys |= {key: value for key, value in about.edits.items() if key in fields}
    if isinstance(entry, ModelEntry) and "sampler" in about.edits and "schedule" not in keys:
        # The schedule of models.toml was for another sampler.
        keys["schedule"] = "automatic"
    return entry.model_copy(update=keys)


@lru_cache(maxsize=2)
def _read(folder: Path, states: AboutSignature) -> Abouts:
    found: dict[str, About] = {}
    for file, _, _ in states:
        section, _, name = file.partition("/")
        name = name.removesuffix(".json")
        found[f"{section}.{name}"] = read_about(folder, section, name)
    return found
