"""All that a machine has to offer: what models.toml names, and what lies in folders. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.models.catalogue import Catalogue, read_catalogue
from worker.models.files.formats.places import find_path
from worker.models.folders.about import with_about
from worker.models.folders.beside import with_encoder, with_parts
from worker.models.folders.scan import SUBFOLDERS, Found, Unusable, scan
from worker.models.tables import ModelEntry, VaeEntry


def make_folders(folder: Path) -> None:
    """Makes the folder that people drop files into, divided as they know it from other programs."""
    # A folder that cannot be written can be read all the same.
    with suppress(OSError):
        for name in SUBFOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)


def read_offered(models_toml: Path, folders: Sequence[Path]) -> tuple[Catalogue, list[Unusable]]:
    """What models.toml names, with what lies in `folders` after it; and what there is no use.

    models.toml wins: a file that it names is offered once, as its table says, and a name that it
    has is its own. The first folder has what an admin changed of them. Raises CatalogueError for a
    models.toml that cannot be read.
    """
    named, found = read_catalogue(models_toml), scan(folders)
    return with_about(with_found(named, found), folders[0]), found.unusable


def with_found(named: Catalogue, found: Found) -> Catalogue:
    """The catalogue with what was found in folders and is not in it yet."""
    sources = {find_path(entry.source, entry.base).resolve() for entry in named.everything}
    tables: dict[str, dict[str, Any]] = {
        "models": dict(named.entries),
        "loras": dict(named.loras),
        "embeddings": dict(named.embeddings),
        "controlnets": dict(named.controlnets),
        "ip_adapters": dict(named.ip_adapters),
        "vaes": dict(named.vaes),
        "segmenters": dict(named.segmenters),
        "upscalers": dict(named.upscalers),
        "face_restorers": dict(named.face_restorers),
    }
    for entry in found.entries:
        if Path(entry.source).resolve() in sources:
            continue
        table, name = tables[entry.section], entry.name
        if name in table:
            mark = hashlib.sha256(entry.source.encode()).hexdigest()[:4]
            entry = entry.model_copy(update={"name": f"{name[:59]}-{mark}"})
        table[entry.name] = entry
    models: dict[str, ModelEntry] = tables.pop("models")
    vaes: dict[str, VaeEntry] = tables["vaes"]
    entries = {name: _with_vae(entry, vaes) for name, entry in models.items()}
    entries = {
        name: with_parts(entry, entries.values(), found.encoders, vaes)
        for name, entry in entries.items()
    }
    tables["ip_adapters"] = {
        name: with_encoder(entry, found.image_encoders)
        for name, entry in tables["ip_adapters"].items()
    }
    return replace(named, entries=entries, **tables)


def _with_vae(entry: ModelEntry, vaes: dict[str, VaeEntry]) -> ModelEntry:
    """A model with the path of the autoencoder that it names, or that lies beside it.

    A1111 takes what is named as the checkpoint with `.vae` behind it, so people have such pairs.
    """
    named = vaes.get(entry.vae) if entry.vae is not None else _beside(entry, vaes)
    if named is None:
        return entry
    return entry.model_copy(update={"vae": str(find_path(named.source, named.base))})


def _beside(entry: ModelEntry, vaes: dict[str, VaeEntry]) -> VaeEntry | None:
    checkpoint = find_path(entry.source, entry.base)
    if checkpoint.suffix != ".safetensors":
        return None
    name = f"{checkpoint.stem}.vae.safetensors"
    return next((each for each in vaes.values() if Path(each.source).name == name), None)
