"""A look at folders of model files: which files lie there, what each is, and how it is named.

Knows the trees of A1111 (and Forge) and ComfyUI by their own folders. Reads headers only, and of a
file that has not changed not even that. No torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jobs.request.model_card import name_from
from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import SUFFIX, header_of, problem_in
from worker.models.files.formats.safetensors_file import looks_like_one
from worker.models.files.references.encoders import is_encoder
from worker.models.files.segmenters import is_segmenter
from worker.models.files.single_files.pieces import encoder_in, transformer_in
from worker.models.folders.kinds import Section, kind_of, kind_of_folder
from worker.models.tables import (
    PICKLED,
    AddOnEntry,
    ControlNetEntry,
    Entry,
    FaceRestorerEntry,
    IPAdapterEntry,
    LoraEntry,
    ModelEntry,
    SegmenterEntry,
    VaeEntry,
)

SUBFOLDERS = (
    *("loras", "embeddings", "controlnets", "vae", "upscalers"),
    *("ip_adapters", "clip_vision", "segmenters", "face_restorers"),
)
"""What Darkroom's own folder of models is divided into. A file is what its header says it is, and
may lie in any of them."""

TREES = ("models", "embeddings", "extensions/sd-webui-controlnet/models")
"""Where an installation of A1111 or ComfyUI keeps model files."""

NEVER = {"venv", "node_modules", "__pycache__", "outputs", "output"}
"""Folders of which nothing is offered."""

ENDINGS = (".safetensors", ".sft", SUFFIX, *PICKLED)
"""Of files of weights: what is there by one of these, and not offered, is told of."""

UNSAID = {"diffusion_pytorch_model", "pytorch_lora_weights", "model", "learned_embeds", "lora"}
"""Names that say nothing; the folder's is taken instead."""


@dataclass(frozen=True)
class Unusable:
    """A file that lies there and is not offered, and why: a sentence that names it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """What lies in some folders: entries as models.toml would have them, what is no use, text
    encoders, which models take, and image encoders, which IP-Adapters take."""

    entries: list[Entry] = field(default_factory=list[Entry])
    unusable: list[Unusable] = field(default_factory=list[Unusable])
    encoders: list[Path] = field(default_factory=list[Path])
    image_encoders: list[Path] = field(default_factory=list[Path])


Signature = frozenset[tuple[str, int, int]]
"""Paths with their sizes and times: equal where nothing was added, changed or removed."""

ENTRY_CLASSES: dict[Section, type[AddOnEntry]] = {
    "loras": LoraEntry,
    "embeddings": AddOnEntry,
    "controlnets": ControlNetEntry,
    "ip_adapters": IPAdapterEntry,
    "vaes": VaeEntry,
    "segmenters": SegmenterEntry,
    "upscalers": AddOnEntry,
    "face_restorers": FaceRestorerEntry,
}


def scan(folders: Sequence[Path]) -> Found:
    """What lies in `folders` and below them: each model and add-on once, named by its file.

    A folder that is not there holds nothing. The names depend on the files alone, so that they
    are the same at the next look.
    """
    found = Found()
    taken: set[tuple[str, str]] = set()
    seen: set[Path] = set()
    for folder in folders:
        # The nearest to the top is the one that people mean where two have one name.
        for path in sorted(_candidates(folder), key=lambda each: (len(each.parts), str(each))):
            real = _real(path)
            if real in seen:
                continue
            seen.add(real)
            try:
                if (readers := _readers(found, path)) is not None:
                    readers.append(path)
                    continue
                section = _section(path)
            except SourceError as error:
                found.unusable.append(Unusable(path, str(error)))
                continue
            name = _name(path, folder)
            if (section, name) in taken:
                mark = hashlib.sha256(str(path.relative_to(folder)).encode()).hexdigest()[:4]
                name = f"{name[:59]}-{mark}"
            taken.add((section, name))
            found.entries.append(entry_of(section, name, path))
    return found


def signature(folders: Sequence[Path]) -> Signature:
    """What can be seen of `folders` without opening a file: another one means to scan again."""
    states: set[tuple[str, int, int]] = set()
    for folder in folders:
        for path in _candidates(folder):
            for file in [path, *path.rglob("*.json")] if path.is_dir() else [path]:
                try:
                    state = file.stat()
                except OSError:
                    continue
                states.add((str(file), state.st_size, state.st_mtime_ns))
    return frozenset(states)


def _candidates(folder: Path) -> Iterator[Path]:
    """Every file of weights, and every folder in the layout of diffusers or of a segmenter of
    transformers, at or below `folder`."""
    trees = [folder / tree for tree in TREES if (folder / tree).is_dir()]
    for root in trees if folder / "models" in trees else [folder]:
        yield from _below(root, set())


def _below(folder: Path, above: set[Path]) -> Iterator[Path]:
    real = _real(folder)
    if real in above:
        # A link to a folder above itself.
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda each: each.name)
    except OSError:
        return
    names = {each.name for each in entries}
    if "model_index.json" in names or ("config.json" in names and _is_whole(folder, names)):
        yield folder
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name.lower() in NEVER:
            continue
        if _is_folder(entry):
            yield from _below(path, above | {real})
        elif entry.name.lower().endswith(ENDINGS):
            yield path


def _real(path: Path) -> Path:
    """Where links lead; of one that leads to itself, where it is."""
    return Path(os.path.realpath(path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself, or a disk that is away.
        return False


def _is_whole(folder: Path, names: set[str]) -> bool:
    """Whether the files of a folder with a configuration are one thing together."""
    if any(re.fullmatch(r"diffusion_pytorch_model.*\.safetensors", name) for name in names):
        return True
    # Other models of transformers lie there as one file each, to be read by a model's parts.
    weighty = any(re.fullmatch(r"model.*\.safetensors", name) for name in names)
    return weighty and is_segmenter(folder)


def _section(path: Path) -> Section:
    """What lies at `path`. Raises SourceError, a sentence, for what cannot be offered."""
    if path.is_dir():
        return _folder_section(path)
    ending = path.suffix.lower()
    if ending == ".sft" or (ending in PICKLED and looks_like_one(path)):
        raise SourceError(
            f"{path} is a safetensors file by another ending; name it {path.stem}.safetensors."
        )
    if ending != path.suffix and ending not in PICKLED:
        raise SourceError(f"{path} is not looked at; name it {path.stem}{ending}.")
    if ending in PICKLED:
        raise SourceError(
            f"{path} is a pickle, which can run any code when it is opened; Darkroom loads"
            " .safetensors only. Most models are shared in both formats; of what is not,"
            " `darkroom models convert` makes one."
        )
    try:
        state = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not stat.S_ISREG(state.st_mode):
        # Whoever opens a pipe waits for who writes to it.
        raise SourceError(f"{path} cannot be read: it is no file.")
    return _file_section(path, state.st_size, state.st_mtime_ns)


def _readers(found: Found, path: Path) -> list[Path] | None:
    """Those of `found` that it is one of: a text encoder alone, or an image encoder. Raises
    SourceError."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    if problem := problem_in(path):
        raise SourceError(problem)
    shapes = header_of(path).shapes
    if is_encoder(shapes):
        return found.image_encoders
    text = encoder_in(shapes) is not None and transformer_in(shapes) is None
    return found.encoders if text else None


@lru_cache(maxsize=4096)
def _file_section(path: Path, _size: int, _time: int) -> Section:
    if problem := problem_in(path):
        raise SourceError(problem)
    shapes = header_of(path).shapes
    try:
        return kind_of(shapes, path.parent.name)
    except SourceError as error:
        raise SourceError(f"{path} is not offered: it is {error}.") from None


def _folder_section(path: Path) -> Section:
    try:
        return kind_of_folder(path)
    except SourceError as error:
        raise SourceError(f"{path} is not offered: it is {error}.") from None


def entry_of(section: Section, name: str, path: Path) -> Entry:
    """What a file or folder of models is to the catalogue."""
    own: dict[str, Any] = {"name": name, "base": path.parent, "source": str(path)}
    if section == "models":
        return ModelEntry(**own)
    return ENTRY_CLASSES[section](**own, section=section)


def _name(path: Path, folder: Path) -> str:
    """A name for what lies at `path`, made of what a name may have."""
    stem = path.name if path.is_dir() else path.stem
    if stem.lower() in UNSAID and path.parent != folder:
        stem = path.parent.name
    return name_from(stem) or "model"
