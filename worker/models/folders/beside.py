"""What lies in the folders and belongs to something else there: to a transformer in one file its
text encoders, to an IP-Adapter its image encoder. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.models.files.add_ons import weights
from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import SUFFIX, header_of
from worker.models.files.formats.layout import class_of, read_json, weights_in
from worker.models.files.formats.places import find_path
from worker.models.files.references.adapters import adapter_for
from worker.models.files.references.encoders import encoder_at
from worker.models.files.references.located import encoder_for
from worker.models.files.single_files.assembled import is_transformer
from worker.models.files.single_files.pieces import CLASSES, Single, encoder_in, encoder_of
from worker.models.tables import IPAdapterEntry, ModelEntry, VaeEntry


def with_parts(
    entry: ModelEntry,
    models: Iterable[ModelEntry],
    encoders: Sequence[Path],
    vaes: Mapping[str, VaeEntry],
) -> ModelEntry:
    """A model with the configuration, the text encoders and the autoencoder that it names none of,
    each where there is exactly one that fits it. Any other entry is as it was."""
    file = find_path(entry.source, entry.base)
    if file.suffix not in (".safetensors", SUFFIX):
        return entry
    try:
        single = is_transformer(file)
        if single is None:
            return entry
        config = _config(entry, single, models)
        if config is None:
            return entry
        found: dict[str, Any] = {"config": str(config)}
        if entry.text_encoder is None:
            found["text_encoder"] = _encoders(single, config, encoders) or None
        if entry.vae is None and single.vae is None:
            found["vae"] = _vae(config, vaes)
    except (SourceError, OSError):
        # Whoever asks for the model is told what is wrong with it.
        return entry
    return entry.model_copy(update=found)


def _config(entry: ModelEntry, single: Single, models: Iterable[ModelEntry]) -> Path | None:
    if entry.config is not None:
        named = find_path(entry.config, entry.base)
        return named if named.is_dir() else None
    folders = {find_path(each.source, each.base) for each in models}
    fitting = [
        folder
        for folder in sorted(folders)
        if (folder / "model_index.json").is_file()
        and class_of(read_json(folder / "model_index.json"), "transformer")
        == CLASSES[single.family]
    ]
    return fitting[0] if len(fitting) == 1 else None


def _encoders(single: Single, config: Path, encoders: Sequence[Path]) -> list[str]:
    """For each text encoder of which neither the file nor the folder has the weights."""
    index = read_json(config / "model_index.json")
    parts = [part for part in index if part.startswith("text_encoder") and class_of(index, part)]
    if single.encoders:
        return []
    found: list[str] = []
    for part in sorted(parts):
        if weights_in(config / part):
            continue
        wanted = encoder_of(str(class_of(index, part)), read_json(config / part / "config.json"))
        fitting = [each for each in encoders if encoder_in(header_of(each).shapes) == wanted]
        if len(fitting) == 1:
            found.append(str(fitting[0]))
    return found


def _vae(config: Path, vaes: Mapping[str, VaeEntry]) -> str | None:
    if weights_in(config / "vae"):
        return None
    channels = read_json(config / "vae" / "config.json").get("latent_channels")
    fitting: list[Path] = []
    for each in vaes.values():
        path = find_path(each.source, each.base)
        if path.is_file() and _latents(path) == channels:
            fitting.append(path)
    return str(fitting[0]) if len(fitting) == 1 else None


def _latents(file: Path) -> int | None:
    shapes = header_of(file).shapes
    found = (shape for name, shape in shapes.items() if name.endswith("decoder.conv_in.weight"))
    return next((shape[1] for shape in found if len(shape) > 1), None)


def with_encoder(entry: IPAdapterEntry, encoders: Sequence[Path]) -> IPAdapterEntry:
    """An IP-Adapter with the first of the image encoders that reads for it, where it names none and
    none lies beside it."""
    if entry.image_encoder is not None:
        return entry
    try:
        file = weights(entry)
        wanted = adapter_for(entry.where, header_of(file).shapes)
    except (SourceError, OSError):
        # Whoever asks for it is told what is wrong with it.
        return entry
    try:
        encoder_for(entry, file, wanted)
    except SourceError:
        fitting = (
            each for each in encoders if encoder_at(each).reads(wanted.reads, wanted.patches)
        )
        first = next(fitting, None)
        return entry.model_copy(update={"image_encoder": str(first)}) if first else entry
    return entry
