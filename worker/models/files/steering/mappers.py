"""Models that make maps of pictures for ControlNets, in transformers' layout."""

from __future__ import annotations

from pathlib import Path

from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import no_weights, read_json
from worker.models.files.formats.places import Patterns, add_on_folder
from worker.models.tables import PreprocessorEntry

WANTED = Patterns(["config.json", "preprocessor_config.json", "*.safetensors"], ["*.*.safetensors"])
"""Which files of a hub repository one needs."""

DEPTH = "ForDepthEstimation"
"""How transformers' classes of them end."""


def mapper_folder(entry: PreprocessorEntry) -> Path:
    """Where a preprocessor lies. Raises SourceError where it is not here or is something else."""
    where = f"{entry.where}.source"
    folder = add_on_folder(entry, entry.source, WANTED)
    if not mapper_weights(folder):
        raise SourceError(f"{where}: {no_weights(folder)}")
    said: list[object] = read_json(folder / "config.json").get("architectures") or []
    names = list(map(str, said))
    if not any(name.endswith(DEPTH) for name in names):
        raise SourceError(
            f"{where}: it is {', '.join(names) or 'nothing known'}, no model of depth."
        )
    return folder


def mapper_weights(folder: Path) -> list[Path]:
    """The files of its weights."""
    return sorted(folder.glob("*.safetensors"))
