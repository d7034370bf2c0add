"""A transformer in one file, with what it takes of others: text encoders, autoencoder, tokenizers.

Together they are a folder in the diffusers layout, made of links. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.models.files.configurations.written import write
from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import header_of
from worker.models.files.formats.layout import class_of, read_json, weights_in, weighty_parts
from worker.models.files.formats.places import find_file
from worker.models.files.single_files.pieces import (
    CLASSES,
    ENCODERS,
    KINDS,
    TITLES,
    WELL_KNOWN,
    Piece,
    Single,
    encoder_in,
    encoder_of,
    refuse_scaled,
    transformer_in,
)
from worker.models.tables import ModelEntry


@dataclass(frozen=True)
class Assembled:
    """A folder with the configuration of all parts, and the parts that lie elsewhere."""

    config: Path
    pieces: Mapping[str, Piece]


def is_transformer(file: Path) -> Single | None:
    """What a file holds if that is a transformer of a known family. Raises SourceError."""
    header = header_of(file)
    refuse_scaled(file, header.shapes)
    return transformer_in(header.shapes)


def assemble(
    entry: ModelEntry, file: Path, single: Single, config: Path | None, *, has_vae: bool
) -> Assembled:
    """A transformer's file with what models.toml names beside it; `config` is the folder in the
    diffusers layout whose configuration it takes, and what it has of weights that nothing else
    brings. Raises SourceError with what to name."""
    where = f"{entry.where}.source"
    title = TITLES[single.family]
    if config is None:
        raise SourceError(
            f"{where}: {file} is a {title} transformer; name with the key `config` a folder (or hub"
            f" id) of {title} in the diffusers layout, of which the configuration and the"
            " tokenizers are enough."
        )
    index = read_json(config / "model_index.json")
    found = class_of(index, "transformer")
    if found != CLASSES[single.family]:
        raise SourceError(
            f"{entry.where}.config: {config} is of a model with a {found}; {file} is a {title}"
            " transformer."
        )
    pieces = {"transformer": Piece(file, single.prefix)}
    pieces |= _encoders(entry, file, single, config, index)
    if single.vae is not None and not has_vae:
        pieces["vae"] = Piece(file, single.vae)
    content: dict[str, Mapping[str, Any] | Path] = {}
    for part in weighty_parts(index):
        folder = config / part
        if part in pieces or (part == "vae" and has_vae):
            content[f"{part}/config.json"] = read_json(folder / "config.json")
        elif weights_in(folder):
            content[part] = folder
        elif part == "text_encoder_3":
            # Stable Diffusion 3 does without.
            index = index | {part: [None, None], "tokenizer_3": [None, None]}
        else:
            raise SourceError(f"{where}: {_missing(file, config, part, index)}")
    for part in index:
        if "tokenizer" in part and class_of(index, part):
            if not (config / part).is_dir():
                raise SourceError(
                    f"{entry.where}.config: {config} has no folder {part}, whose words the text"
                    " encoder reads."
                )
            content[part] = config / part
    content["scheduler"] = config / "scheduler"
    content["model_index.json"] = index
    return Assembled(write(content), pieces)


def _missing(file: Path, config: Path, part: str, index: dict[str, Any]) -> str:
    if part == "vae":
        return (
            f"{file} has no autoencoder, and {config} no weights of one; name its file with the key"
            " `vae`, such as ae.safetensors."
        )
    kind = KINDS.get(str(class_of(index, part)), str(class_of(index, part)))
    return (
        f"{file} has no text encoder {kind}, and {config} no weights of one; name its file with the"
        f" key `text_encoder`, such as {WELL_KNOWN.get(kind, kind)}."
    )


def _encoders(
    entry: ModelEntry, file: Path, single: Single, config: Path, index: dict[str, Any]
) -> dict[str, Piece]:
    """Which text encoder takes which file: the first of its kind and width that is free."""
    named = entry.text_encoder or []
    files = [
        find_file(each, entry.base, f"{entry.where}.text_encoder")
        for each in ([named] if isinstance(named, str) else named)
    ]
    own = [Piece(file, single.encoders[kind]) for kind in ENCODERS if kind in single.encoders]
    free: list[tuple[Piece, tuple[str, int]]] = []
    for piece in [*(Piece(each) for each in files), *own]:
        shapes = header_of(piece.file).shapes
        refuse_scaled(piece.file, shapes)
        kind = encoder_in(shapes, piece.prefix)
        if kind is None:
            raise SourceError(f"{entry.where}.text_encoder: {piece.file} is no text encoder.")
        free.append((piece, kind))
    pieces: dict[str, Piece] = {}
    slots = [part for part in index if part.startswith("text_encoder") and class_of(index, part)]
    for part in sorted(slots):
        said = read_json(config / part / "config.json")
        wanted = encoder_of(str(class_of(index, part)), said)
        match = next((each for each in free if each[1] == wanted), None)
        if match is not None:
            pieces[part] = match[0]
            free.remove(match)
    unused = [piece for piece, _ in free if piece.file in files]
    if unused:
        raise SourceError(
            f"{entry.where}.text_encoder: {unused[0].file} is none of the text encoders of"
            f" {TITLES[single.family]} as {config} describes them."
        )
    return pieces
