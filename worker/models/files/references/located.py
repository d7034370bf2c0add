"""An IP-Adapter's own file, and the image encoder that reads pictures for it. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from worker.models.files.errors import SourceError
from worker.models.files.formats.places import Patterns, find_folder, find_path, is_hub_id
from worker.models.files.references.adapters import AdapterFor
from worker.models.files.references.encoders import Encoder, encoder_at
from worker.models.tables import IPAdapterEntry

BESIDE = "image_encoder"
"""The folder in which those who share IP-Adapters lay the encoder."""


def wanted_files(entry: IPAdapterEntry) -> Patterns:
    """Which files of a hub repository an IP-Adapter needs, its encoder's among them."""
    if entry.file is None:
        return Patterns(["*.safetensors", f"{BESIDE}/*.json", f"{BESIDE}/*.safetensors"], [])
    named = entry.image_encoder
    folders = {str(Path(entry.file).parent / BESIDE)} if named is None else {named}
    inside = [f"{folder}/*.{end}" for folder in folders for end in ("json", "safetensors")]
    return Patterns([entry.file, *inside], [])


def encoder_for(entry: IPAdapterEntry, file: Path, wanted: AdapterFor) -> Encoder:
    """The encoder that an adapter names, else one that lies beside it and fits.

    Raises SourceError where there is none.
    """
    where = f"{entry.where}.image_encoder"
    if entry.image_encoder is not None:
        encoder = encoder_at(_named(entry, entry.image_encoder, file))
        if not encoder.reads(wanted.reads, wanted.patches):
            raise SourceError(f"{where}: {encoder.file} gives {_given(encoder)}; {_needs(wanted)}")
        return encoder
    for folder in _beside(file):
        try:
            encoder = encoder_at(folder)
        except SourceError:
            continue
        if encoder.reads(wanted.reads, wanted.patches):
            return encoder
    raise SourceError(
        f"{where}: {_needs(wanted)} Put one into the folder clip_vision, or name it in this key."
    )


def _named(entry: IPAdapterEntry, named: str, file: Path) -> Path:
    path = find_path(named, entry.base)
    if path.exists():
        return path
    for folder in file.parents[:3]:
        if (folder / named).exists():
            return folder / named
    where = f"{entry.where}.image_encoder"
    if not is_hub_id(named):
        raise SourceError(f"{where}: there is no {path}, nor is there one beside {file}.")
    patterns = Patterns(["config.json", "model.safetensors"], [])
    return find_folder(named, entry.base, where, patterns, fetch=f"darkroom models pull {named}")


def _beside(file: Path) -> Iterator[Path]:
    """Where those who share IP-Adapters lay encoders: that for SDXL's may lie with those for SD
    1.5, since most of both read through one."""
    yield file.parent / BESIDE
    yield file.parent.parent / BESIDE
    yield file.parent.parent / "models" / BESIDE


def _needs(wanted: AdapterFor) -> str:
    what = "vectors of patches" if wanted.patches else "one vector a picture"
    known = {1024: "ViT-H", 1280: "ViT-bigG", 768: "ViT-L"}
    if wanted.patches:
        known = {1280: "ViT-H", 1664: "ViT-bigG", 1024: "ViT-L"}
    name = f" ({known[wanted.reads]})" if wanted.reads in known else ""
    return f"it takes a CLIP image encoder that gives {what} of {wanted.reads} numbers{name}."


def _given(encoder: Encoder) -> str:
    return f"{encoder.patches} numbers a patch and {encoder.vector} a picture"
