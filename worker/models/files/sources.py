"""Where a model lies on this machine: a folder, a pulled hub id, or a single file. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import huggingface_hub
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import validate_repo_id

from worker.models.catalogue import PICKLED, ModelEntry
from worker.models.files.safetensors_file import problem_of

WITHOUT_WEIGHTS = ("tokenizer", "scheduler", "feature_extractor", "processor")
"""What the components of a pipeline that are configuration only have in their names."""

UNUSED = ("safety_checker", "image_encoder")
"""Components with weights that Darkroom never runs."""

CHECKPOINT_PREFIXES = {
    "model.diffusion_model.": "UNet",
    "first_stage_model.": "autoencoder",
    "cond_stage_model. or conditioner.embedders.": "text encoder",
}
"""What a whole Stable Diffusion checkpoint holds, by how it names it."""

TWO_ENCODERS = "conditioner.embedders.1."
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
CROSS_ATTENTION = re.compile(r"model\.diffusion_model\..*\.attn2\.to_k\.weight")
"""Where a checkpoint shows which family it is of."""


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
        parts = weighty_parts(read_json(self.config / "model_index.json"))
        return [file for part in parts for file in _weights(self.config / part, self.variant)]

    def parameters(self) -> int:
        """How many numbers the model has, from the headers of its files."""
        return sum(_parameters(file) for file in self.weights())

    def largest(self) -> int:
        """How many numbers its largest part has: the UNet, or the transformer."""
        if self.checkpoint is not None:
            return max(_parameters(self.checkpoint, prefix) for prefix in _each_prefix())
        folders: dict[Path, int] = {}
        for file in self.weights():
            folders[file.parent] = folders.get(file.parent, 0) + _parameters(file)
        return max(folders.values(), default=0)


CONFIGURATION = (
    "model_index.json",
    "*/*.json",
    "*tokenizer*/*",
    "*processor/*",
    "README.md",
)
"""What of a hub repository describes a model: its configuration and its tokenizers."""


@dataclass(frozen=True)
class Patterns:
    """Which files of a hub repository are wanted, and which of those are not after all."""

    allow: list[str]
    ignore: list[str]


def wanted_files(variant: str | None, *, weights: bool) -> Patterns:
    """One set of weights, if wanted at all, with what describes it."""
    unused = [f"{part}/*" for part in UNUSED]
    if not weights:
        return Patterns([*CONFIGURATION], unused)
    files = [f"*.{variant}*.safetensors"] if variant else ["*.safetensors"]
    # The slash leaves out the single files that many repositories have beside their folders.
    wanted = [f"*/{each}" for each in (*files, "*.safetensors.index*.json")]
    # A second dot is another variant, such as diffusion_pytorch_model.fp16.safetensors.
    others = [] if variant else ["*.*.safetensors"]
    return Patterns([*CONFIGURATION, *wanted], [*unused, *others])


def weighty_parts(index: dict[str, Any]) -> list[str]:
    """The components of a model_index.json that have weights and are run."""
    return [
        name
        for name, value in index.items()
        if isinstance(value, list)
        and any(cast("list[object]", value))
        and not any(word in name for word in WITHOUT_WEIGHTS)
        and name not in UNUSED
    ]


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
        config = _config_folder(entry)
        _check_checkpoint(where, path, config)
        return ModelFiles(config, checkpoint=path)
    files = ModelFiles(_folder(entry, where, entry.source, weights=True), variant=entry.variant)
    for part in weighty_parts(read_json(files.config / "model_index.json")):
        _check_weights(where, files.config / part, entry.variant)
    return files


def check_whole(name: str, files: ModelFiles) -> None:
    """Raises SourceError for a file of weights that is cut off or no safetensors, naming it."""
    for file in files.weights():
        problem = problem_of(file)
        if problem is not None:
            raise SourceError(f"model: {name} does not load: {problem}")


def locate_tiny_vae(entry: ModelEntry) -> Path | None:
    """The folder of an entry's AutoencoderTiny; None if it names none. Raises SourceError."""
    if entry.tiny_vae is None:
        return None
    where = f"models.{entry.name}.tiny_vae"
    path = entry.base / Path(entry.tiny_vae).expanduser()
    if not path.is_dir():
        if not is_hub_id(entry.tiny_vae):
            raise SourceError(f"{where}: there is no folder {path}.")
        wanted = Patterns(["config.json", "*.safetensors"], ["*.*.safetensors"])
        path = _pulled(entry, where, entry.tiny_vae, wanted, revision=None)
    _check_weights(where, path, None)
    return path


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
    wanted = wanted_files(entry.variant, weights=weights)
    return _pulled(entry, where, source, wanted, revision=entry.revision)


def _pulled(
    entry: ModelEntry, where: str, hub_id: str, wanted: Patterns, *, revision: str | None
) -> Path:
    try:
        return hub_snapshot(hub_id, revision, wanted, download=False)
    except LocalEntryNotFoundError:
        at = f" at revision {revision}" if revision else ""
        raise SourceError(
            f"{where}: {hub_id}{at} is not on this machine, neither as a folder nor pulled from"
            f" the hub; `darkroom models pull {entry.name}` fetches it."
        ) from None


def _weights(folder: Path, variant: str | None) -> list[Path]:
    if variant:
        return sorted(folder.glob(f"*.{variant}*.safetensors"))
    return sorted(file for file in folder.glob("*.safetensors") if "." not in file.stem)


def _check_weights(where: str, folder: Path, variant: str | None) -> None:
    weights = _weights(folder, variant)
    if weights:
        missing = _shards(folder, variant) - {file.name for file in weights}
        if missing:
            raise SourceError(f"{where}: {folder} lacks {', '.join(sorted(missing))}.")
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


def _shards(folder: Path, variant: str | None) -> set[str]:
    """The files that a part's weights are divided into, where they are."""
    named: set[str] = set()
    for index in folder.glob(f"*.safetensors.index.{variant}.json" if variant else "*.index.json"):
        table: object = read_json(index).get("weight_map")
        if isinstance(table, dict):
            named |= set(cast("dict[str, str]", table).values())
    return {file for file in named if file.endswith(".safetensors")}


def _check_checkpoint(where: str, file: Path, config: Path) -> None:
    """Whether a single file is a whole model, and of the family of the configuration it takes."""
    header = _header(file)
    for prefixes, part in CHECKPOINT_PREFIXES.items():
        if not any(_any_starts(header, prefix) for prefix in prefixes.split(" or ")):
            raise SourceError(
                f"{where}: {file} is not a whole Stable Diffusion checkpoint: it has no {part},"
                f" nothing named {prefixes}*."
            )
    for what, found, expected in _compared(header, config):
        if found != expected:
            raise SourceError(
                f"{where}: {file} is of another family than its configuration in {config}: it has"
                f" {found} {what}, not {expected}."
            )


def _compared(header: dict[str, Any], config: Path) -> Iterable[tuple[str, int, int]]:
    """What tells one family from another, in a checkpoint and in a configuration."""
    index = read_json(config / "model_index.json")
    encoders = sum(any(index.get(part) or ()) for part in ("text_encoder", "text_encoder_2"))
    yield "text encoders", 2 if _any_starts(header, TWO_ENCODERS) else 1, encoders
    unet = config / "unet" / "config.json"
    if not unet.is_file():
        return
    expected = read_json(unet)
    if FIRST_LAYER in header:
        channels = header[FIRST_LAYER]["shape"][1]
        yield "input channels", channels, expected.get("in_channels", channels)
    reads = next((header[name]["shape"] for name in header if CROSS_ATTENTION.match(name)), None)
    width = expected.get("cross_attention_dim")
    if reads and isinstance(width, int):
        yield "numbers for each token of text", reads[-1], width


def _each_prefix() -> list[str]:
    return [each for prefixes in CHECKPOINT_PREFIXES for each in prefixes.split(" or ")]


def _any_starts(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _parameters(file: Path, prefix: str = "") -> int:
    total = 0
    for name, tensor in _header(file).items():
        if name == "__metadata__" or name.startswith("model_ema.") or not name.startswith(prefix):
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
