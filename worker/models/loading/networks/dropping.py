"""Text encoders that are dropped once they have read, and read from disk again for other texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from worker.engine.prompt.away import Away
from worker.engine.prompt.kept import KeptEmbeddings
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json, weights_in
from worker.models.files.sources import ModelFiles
from worker.models.loading.pretrained import load_pretrained, one_at_a_time
from worker.models.tables import ModelEntry


def text_encoders_away(
    entry: ModelEntry,
    files: ModelFiles,
    encoders: Mapping[str, Any],
    device: torch.device,
    kept: KeptEmbeddings | None,
) -> dict[str, Away]:
    """Where the weights of a model's text encoders are from now on, by the encoders' names: nothing
    where they stay. Drops them. Raises SourceError where they are not in files of their own."""
    if not entry.drop_text_encoders or kept is None:
        return {}
    if files.checkpoint is not None or files.pieces:
        refuse_dropping(entry, "is not a folder of parts, each with its own files")
    # One file may be the encoder of several families, and each asks it in a way of its own.
    asker = str(read_json(files.config / "model_index.json")["_class_name"])
    away: dict[str, Away] = {}
    for name, encoder in encoders.items():
        folder = files.config / name
        dtype = next(encoder.parameters()).dtype
        restore = partial(_restored, type(encoder), folder, files.variant, dtype)
        away[name] = Away(encoder, restore, device, kept, f"{asker} {_name(folder, files, dtype)}")
    return away


def refuse_dropping(entry: ModelEntry, reason: str) -> None:
    """Raises SourceError, with this reason, where an entry has its text encoders dropped."""
    if entry.drop_text_encoders:
        raise SourceError(
            f"{entry.where}.drop_text_encoders: the text encoders of {entry.name} stay in memory,"
            f" because it {reason}."
        )


@one_at_a_time
def _restored(kind: Any, folder: Path, variant: str | None, dtype: torch.dtype) -> Any:
    return load_pretrained(kind, folder, variant=variant, dtype=dtype)


def _name(folder: Path, files: ModelFiles, dtype: torch.dtype) -> str:
    """A name that no other weights have: of their files, and of the form that they take."""
    about = hashlib.sha256(f"{dtype} {(folder / 'config.json').read_text()}".encode())
    for file in weights_in(folder, files.variant):
        there = file.resolve().stat()
        about.update(f"{file.resolve()} {there.st_size} {there.st_mtime_ns}".encode())
    return about.hexdigest()
