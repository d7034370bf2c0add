"""Where a model lies on this machine: a folder, a pulled hub id, or a single file. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import huggingface_hub
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import validate_repo_id

from worker.models.catalogue import ModelEntry

PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
"""Formats that run code when they are opened."""

PARTS = ("unet", "vae", "text_encoder")
"""The folders that hold weights."""

CHECKPOINT_PREFIXES = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")
"""UNet, autoencoder and text encoder, as a whole Stable Diffusion checkpoint names them."""


class SourceError(Exception):
    """A model cannot be used from where models.toml says it lies; the message says what to do."""


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
        return [file for part in PARTS for file in _weights(self.config / part, self.variant)]

    def parameters(self) -> int:
        """How many numbers the model has, from the headers of its files."""
        return sum(_parameters(file) for file in self.weights())


CONFIGURATION = (
    "model_index.json",
    *(f"{part}/config.json" for part in PARTS),
    "scheduler/*.json",
    "tokenizer/*.json",
    "tokenizer/*.txt",
)
"""What of a hub repository describes a model: its configuration and its tokenizer."""


@dataclass(frozen=True)
class Patterns:
    """Which files of a hub repository are wanted, and which of those are not after all."""

    allow: list[str]
    ignore: list[str]


def wanted_files(variant: str | None, *, weights: bool) -> Patterns:
    """One set of weights, if wanted at all, with what describes it."""
    if not weights:
        return Patterns([*CONFIGURATION], [])
    files = f"*.{variant}*.safetensors" if variant else "*.safetensors"
    # A second dot is another variant, such as diffusion_pytorch_model.fp16.safetensors.
    others = [] if variant else ["*.*.safetensors"]
    return Patterns([*CONFIGURATION, *(f"{part}/{files}" for part in PARTS)], others)


def is_hub_id(source: str) -> bool:
    """Whether `source` has the form owner/name of a hub repository."""
    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return source.count("/") == 1 and not source.startswith(".")


def hub_snapshot(hub_id: str, revision: str | None, wanted: Patterns, *, download: bool) -> Path:
    """The folder of a hub repository's files at a revision, in the hub's local cache.

    Without `download` only what was pulled before is found. Raises the hub library's errors,
    LocalEntryNotFoundError where files are missing here and cannot be fetched.
    """
    # Any: its signature is only partly typed.
    snapshot = cast(Any, huggingface_hub).snapshot_download(
        hub_id,
        revision=revision,
        allow_patterns=wanted.allow,
        ignore_patterns=wanted.ignore,
        local_files_only=not download,
    )
    return Path(snapshot)


def locate(entry: ModelEntry) -> ModelFiles:
    """Find an entry's files; nothing is downloaded. Raises SourceError."""
    where = f"models.{entry.name}.source"
    path = entry.base / Path(entry.source).expanduser()
    if entry.source.endswith(PICKLED):
        raise SourceError(
            f"{where}: {entry.source} is a pickle, which can run any code when it is opened;"
            " Darkroom loads .safetensors only."
        )
    if entry.source.endswith(".safetensors"):
        if not path.is_file():
            raise SourceError(f"{where}: there is no file {path}.")
        return ModelFiles(_config_folder(entry), checkpoint=_whole_checkpoint(where, path))
    files = ModelFiles(_folder(entry, where, entry.source, weights=True), variant=entry.variant)
    for part in PARTS:
        _check_weights(where, files.config / part, entry.variant)
    return files


def read_json(file: Path) -> dict[str, Any]:
    """A configuration file. Raises SourceError where it is missing or broken."""
    try:
        loaded: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"There is no file {file}.") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} cannot be read: {error}.") from error
    if not isinstance(loaded, dict):
        raise SourceError(f"{file} is not a JSON object.")
    return cast(dict[str, Any], loaded)


def _config_folder(entry: ModelEntry) -> Path:
    if entry.config is None:
        raise SourceError(f"models.{entry.name}.config: a single file needs one.")
    return _folder(entry, f"models.{entry.name}.config", entry.config, weights=False)


def _folder(entry: ModelEntry, where: str, source: str, *, weights: bool) -> Path:
    path = entry.base / Path(source).expanduser()
    if path.is_dir():
        if not (path / "model_index.json").is_file():
            raise SourceError(
                f"{where}: {path} has no model_index.json; it is not in the diffusers layout."
            )
        return path
    if not is_hub_id(source):
        raise SourceError(f"{where}: there is no folder {path}.")
    return _pulled(entry, where, source, wanted_files(entry.variant, weights=weights))


def _pulled(entry: ModelEntry, where: str, hub_id: str, wanted: Patterns) -> Path:
    try:
        return hub_snapshot(hub_id, entry.revision, wanted, download=False)
    except LocalEntryNotFoundError:
        at = f" at revision {entry.revision}" if entry.revision else ""
        raise SourceError(
            f"{where}: {hub_id}{at} is not on this machine, neither as a folder nor pulled from"
            f" the hub; `darkroom models pull {entry.name}` fetches it."
        ) from None


def _weights(folder: Path, variant: str | None) -> list[Path]:
    if variant:
        return sorted(folder.glob(f"*.{variant}*.safetensors"))
    return sorted(file for file in folder.glob("*.safetensors") if "." not in file.stem)


def _check_weights(where: str, folder: Path, variant: str | None) -> None:
    if _weights(folder, variant):
        return
    named = f" of the variant {variant}" if variant else ""
    present = sorted(file.name for file in folder.glob("*") if file.is_file())
    if any(name.endswith(PICKLED) for name in present):
        raise SourceError(
            f"{where}: {folder} has pickled weights only, which can run any code when they are"
            f" opened; Darkroom loads .safetensors{named} only."
        )
    raise SourceError(
        f"{where}: {folder} has no .safetensors weights{named};"
        f" it has {', '.join(present) or 'nothing'}."
    )


def _whole_checkpoint(where: str, file: Path) -> Path:
    names = _header(file).keys()
    missing = [p for p in CHECKPOINT_PREFIXES if not _any_starts(names, p)]
    if missing and _any_starts(names, "conditioner.embedders."):
        raise SourceError(f"{where}: {file} is a StableDiffusionXLPipeline, not supported yet.")
    if missing:
        raise SourceError(
            f"{where}: {file} is not a whole Stable Diffusion checkpoint: it has nothing named"
            f" {missing[0]}*."
        )
    return file


def _any_starts(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _parameters(file: Path) -> int:
    total = 0
    for name, tensor in _header(file).items():
        if name == "__metadata__" or name.startswith("model_ema."):
            continue
        numbers = 1
        for length in tensor["shape"]:
            numbers *= length
        total += numbers
    return total


def _header(file: Path) -> dict[str, Any]:
    # 8 bytes of length, then that much JSON: the safetensors format. Its own reader allows 100 MB.
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > 100_000_000:
                raise ValueError("its header is too long")
            header: object = json.loads(opened.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is not an object")
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} is not a safetensors file: {error}.") from error
    return cast(dict[str, Any], header)
