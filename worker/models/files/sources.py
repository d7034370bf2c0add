"""Where a model lies on this machine: a folder, a pulled hub id, or a single file. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.models.files.configurations.claims import Claims, read_claims
from worker.models.files.configurations.composed import compose, without
from worker.models.files.configurations.written import write
from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import SUFFIX, header_of, problem_in
from worker.models.files.formats.layout import (
    check_weights,
    class_of,
    only_variant,
    read_json,
    wanted_files,
    weights_in,
    weighty_parts,
)
from worker.models.files.formats.places import Patterns, find_file, find_folder
from worker.models.files.formats.safetensors_file import Shapes, numbers, read_header
from worker.models.files.single_files.assembled import assemble, is_transformer
from worker.models.files.single_files.checkpoint import (
    check_checkpoint,
    check_parts,
    largest_part,
    parameters,
)
from worker.models.files.single_files.pieces import Piece
from worker.models.tables import PICKLED, ModelEntry

AUTOENCODER = Patterns(["config.json", "*.safetensors"], ["*.*.safetensors"])
"""What a repository of an autoencoder has that is used."""

TINY_VAE = Patterns(["config.json", "*.safetensors"], ["*.*.safetensors"])
"""What a repository of an AutoencoderTiny has that is used."""


@dataclass(frozen=True)
class ModelFiles:
    """A model found on disk: `config` is a folder in the diffusers layout.

    The weights are the `checkpoint`, or without one the .safetensors files of `config`'s folders.
    `pieces` are parts whose weights lie in files of their own. `vae` is a file or folder of an
    autoencoder that goes before its own. `claims` are what the checkpoint says of itself, and what
    models.toml says instead.
    """

    config: Path
    checkpoint: Path | None = None
    variant: str | None = None
    vae: Path | None = None
    claims: Claims = field(default_factory=Claims)
    pieces: Mapping[str, Piece] = field(default_factory=dict[str, Piece])

    def weights(self) -> list[Path]:
        """The files that hold the model's parameters."""
        if self.checkpoint is not None:
            return [self.checkpoint]
        parts = weighty_parts(read_json(self.config / "model_index.json"))
        files = [file for part in parts for file in weights_in(self.config / part, self.variant)]
        return list(dict.fromkeys([*(piece.file for piece in self.pieces.values()), *files]))

    def parameters(self) -> int:
        """How many numbers the model has, from the headers of its files."""
        if self.checkpoint is not None:
            return parameters(self.checkpoint)
        return sum(self.parts().values())

    def largest(self) -> int:
        """How many numbers its largest part has: the UNet, or the transformer."""
        if self.checkpoint is not None:
            return largest_part(self.checkpoint)
        return max(self.parts().values(), default=0)

    def parts(self) -> dict[str, int]:
        """How many numbers each part of a model in the diffusers layout has."""
        if self.checkpoint is not None:
            return {}
        index = read_json(self.config / "model_index.json")
        parts = {
            part: numbers(without(header_of(piece.file).shapes, piece.prefix))
            for part, piece in self.pieces.items()
        }
        for part in weighty_parts(index):
            files = weights_in(self.config / part, self.variant)
            parts.setdefault(part, sum(numbers(read_header(file).shapes) for file in files))
        return parts


def locate(entry: ModelEntry) -> ModelFiles:
    """Find an entry's files; nothing is downloaded. Raises SourceError."""
    where = f"{entry.where}.source"
    if entry.source.endswith(PICKLED):
        raise SourceError(
            f"{where}: {entry.source} is a pickle, which can run any code when it is opened;"
            " Darkroom loads .safetensors only."
        )
    vae = _vae(entry)
    if entry.source.endswith((".safetensors", SUFFIX)):
        file = find_file(entry.source, entry.base, where)
        if (single := is_transformer(file)) is not None:
            config = _named_config(entry) if entry.config else None
            there = assemble(entry, file, single, config, has_vae=vae is not None)
            return ModelFiles(there.config, vae=vae, pieces=there.pieces)
        if file.suffix == SUFFIX:
            raise SourceError(f"{where}: {file} is a GGUF file of no transformer that is run here.")
        header = read_header(file)
        check_parts(where, file, header.shapes, needs_vae=vae is None)
        claims = _overridden(entry, read_claims(file, header))
        config = _config_folder(entry, where, file, header.shapes)
        return ModelFiles(config, checkpoint=file, vae=vae, claims=claims)
    folder = _folder(entry, where, entry.source, weights=True)
    variant = entry.variant
    index = read_json(folder / "model_index.json")
    parts = weighty_parts(index)
    if variant is None and entry.revision is None:
        variant = only_variant(folder, parts)
    for part in parts:
        check_weights(where, folder / part, variant)
    for part in index:
        # The library below would look for a missing one on the hub, by the path as its name.
        if "tokenizer" in part and class_of(index, part) and not any((folder / part).glob("*")):
            raise SourceError(f"{where}: {folder / part} has no files; model_index.json names it.")
    claims = _overridden(entry, Claims())
    return ModelFiles(folder, variant=variant, vae=vae, claims=claims)


def check_complete(name: str, files: ModelFiles) -> None:
    """Raises SourceError for a file of weights that is cut off or no safetensors, naming it."""
    for file in files.weights():
        problem = problem_in(file)
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


def _vae(entry: ModelEntry) -> Path | None:
    """The file or folder of the autoencoder that models.toml names for a model."""
    if entry.vae is None:
        return None
    where = f"{entry.where}.vae"
    if entry.vae.endswith(PICKLED):
        raise SourceError(
            f"{where}: {entry.vae} is a pickle, which can run any code when it is opened; Darkroom"
            " loads .safetensors only."
        )
    if entry.vae.endswith(".safetensors"):
        return find_file(entry.vae, entry.base, where)
    folder = find_folder(entry.vae, entry.base, where, AUTOENCODER, fetch=_pull(entry))
    check_weights(where, folder)
    return folder


def _overridden(entry: ModelEntry, claims: Claims) -> Claims:
    """What a file says, unless models.toml says something else."""
    return replace(
        claims,
        prediction=entry.prediction or claims.prediction,
        zero_snr=claims.zero_snr if entry.zero_snr is None else entry.zero_snr,
    )


def _config_folder(entry: ModelEntry, where: str, file: Path, shapes: Shapes) -> Path:
    """The configuration of a single file: the one that is named, or the one its shapes say."""
    if entry.config is None:
        try:
            return write(compose(shapes))
        except SourceError as error:
            raise SourceError(f"{where}: {file} cannot be read by itself: {error}.") from None
        except OSError as error:
            raise SourceError(
                f"{where}: the configuration of {file} cannot be written: {error}."
            ) from error
    folder = _named_config(entry)
    check_checkpoint(where, file, folder)
    return folder


def _named_config(entry: ModelEntry) -> Path:
    return _folder(entry, f"{entry.where}.config", entry.config or "", weights=False)


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
