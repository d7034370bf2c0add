"""Where a model lies on this machine: a folder, a pulled hub id, or a single file. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.models.files.checkpoint import check_checkpoint, largest_part, parameters
from worker.models.files.errors import SourceError
from worker.models.files.layout import (
    check_weights,
    read_json,
    wanted_files,
    weights_in,
    weighty_parts,
)
from worker.models.files.places import Patterns, find_file, find_folder
from worker.models.files.safetensors_file import numbers, problem_of, read_header
from worker.models.tables import PICKLED, ModelEntry

TINY_VAE = Patterns(["config.json", "*.safetensors"], ["*.*.safetensors"])
"""What a repository of an AutoencoderTiny has that is used."""


@dataclass(frozen=True)
class ModelFiles:
    """A model found on disk: `config` is a folder in the diffusers layout.

    The weights are the `checkpoint`, or without one the .safetensors files of `config`'s folders.
    """

    config: Path
    checkpoint: Path | None = None
    variant: str | None = None

    def weights(self) -> list[Path]:
        """The files that hold the model's parameters."""
        if self.checkpoint is not None:
            return [self.checkpoint]
        parts = weighty_parts(read_json(self.config / "model_index.json"))
        return [file for part in parts for file in weights_in(self.config / part, self.variant)]

    def parameters(self) -> int:
        """How many numbers the model has, from the headers of its files."""
        if self.checkpoint is not None:
            return parameters(self.checkpoint)
        return sum(self._parts().values())

    def largest(self) -> int:
        """How many numbers its largest part has: the UNet, or the transformer."""
        if self.checkpoint is not None:
            return largest_part(self.checkpoint)
        return max(self._parts().values(), default=0)

    def _parts(self) -> dict[Path, int]:
        """How many numbers the part in each folder has."""
        parts: dict[Path, int] = {}
        for file in self.weights():
            parts[file.parent] = parts.get(file.parent, 0) + numbers(read_header(file).shapes)
        return parts


def locate(entry: ModelEntry) -> ModelFiles:
    """Find an entry's files; nothing is downloaded. Raises SourceError."""
    where = f"{entry.where}.source"
    if entry.source.endswith(PICKLED):
        raise SourceError(
            f"{where}: {entry.source} is a pickle, which can run any code when it is opened;"
            " Darkroom loads .safetensors only."
        )
    if entry.source.endswith(".safetensors"):
        file = find_file(entry.source, entry.base, where)
        config = _config_folder(entry)
        check_checkpoint(where, file, config)
        return ModelFiles(config, checkpoint=file)
    files = ModelFiles(_folder(entry, where, entry.source, weights=True), variant=entry.variant)
    for part in weighty_parts(read_json(files.config / "model_index.json")):
        check_weights(where, files.config / part, entry.variant)
    return files


def check_complete(name: str, files: ModelFiles) -> None:
    """Raises SourceError for a file of weights that is cut off or no safetensors, naming it."""
    for file in files.weights():
        problem = problem_of(file)
        if problem is not None:
            raise SourceError(f"model: {name} does not load: {problem}")


def locate_tiny_vae(entry: ModelEntry) -> Path | None:
    """The folder of an entry's AutoencoderTiny; None if it names none. Raises SourceError."""
    if entry.tiny_vae is None:
        return None
    where = f"{entry.where}.tiny_vae"
    folder = find_folder(entry.tiny_vae, entry.base, where, TINY_VAE, fetch=_pull(entry))
    check_weights(where, folder)
    return folder


def _config_folder(entry: ModelEntry) -> Path:
    if entry.config is None:
        raise SourceError(f"{entry.where}.config: a single file needs one.")
    return _folder(entry, f"{entry.where}.config", entry.config, weights=False)


def _folder(entry: ModelEntry, where: str, source: str, *, weights: bool) -> Path:
    wanted = wanted_files(entry.variant, weights=weights)
    folder = find_folder(
        source, entry.base, where, wanted, revision=entry.revision, fetch=_pull(entry)
    )
    if not (folder / "model_index.json").is_file():
        raise SourceError(
            f"{where}: {folder} has no model_index.json; it is not in the diffusers layout."
        )
    return folder


def _pull(entry: ModelEntry) -> str:
    return f"darkroom models pull {entry.name}"
