"""Models that make maps of pictures for ControlNets, in transformers' layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import no_weights, read_json
from worker.models.files.formats.places import Patterns, add_on_folder
from worker.models.tables import AddOnEntry, MapTask, PreprocessorEntry

VOCABULARY = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")
"""What a model that is told its task in words reads them by."""

WANTED = Patterns(
    ["config.json", "*processor_config.json", "*.safetensors", *VOCABULARY], ["*.*.safetensors"]
)
"""Which files of a hub repository one needs."""

KINDS: Mapping[MapTask, tuple[str, tuple[str, ...]]] = {
    "depth": ("model of depth", ("ForDepthEstimation",)),
    "normal": ("model of depth", ("ForDepthEstimation",)),
    "segmentation": (
        "model that tells things apart",
        (
            "ForSemanticSegmentation",
            "ForUniversalSegmentation",
            "MaskFormerForInstanceSegmentation",
        ),
    ),
    "pose": ("ViTPose", ("VitPoseForPoseEstimation",)),
}
"""What each task takes, and how transformers' classes of it end."""

DETECTOR = "ForObjectDetection"


def mapper_folder(entry: PreprocessorEntry) -> Path:
    """Where a preprocessor lies. Raises SourceError where it is not here or is something else."""
    where = f"{entry.where}.source"
    folder = transformers_folder(entry, where)
    what, ends = KINDS[entry.task]
    name = architecture_of(folder)
    if not name.endswith(ends):
        raise SourceError(f"{where}: it is {name or 'nothing known'}, no {what}.")
    return folder


def detector_folder(entry: PreprocessorEntry) -> Path | None:
    """Where what finds people for a model of poses lies; None without one. Raises SourceError."""
    if entry.detector is None:
        return None
    where = f"{entry.where}.detector"
    if entry.task != "pose":
        raise SourceError(f"{where}: it is for the task pose; leave it out.")
    folder = transformers_folder(entry.model_copy(update=of_detector(entry)), where)
    name = architecture_of(folder)
    if not name.endswith(DETECTOR):
        raise SourceError(f"{where}: it is {name or 'nothing known'}, nothing that finds people.")
    return folder


def of_detector(entry: PreprocessorEntry) -> dict[str, str | None]:
    """What an entry says of its detector, by the names of what it says of itself."""
    return {"source": entry.detector, "detector": None, "revision": None}


def mapper_weights(entry: PreprocessorEntry) -> list[Path]:
    """The files of its weights. Raises SourceError."""
    folders = [mapper_folder(entry), detector_folder(entry)]
    return [file for folder in folders if folder for file in weights_of(folder)]


def architecture_of(folder: Path) -> str:
    """The class of transformers that a model is of, as its configuration says it; empty where it
    says none."""
    said: list[object] = read_json(folder / "config.json").get("architectures") or []
    return str(said[0]) if said else ""


def transformers_folder(entry: AddOnEntry, where: str) -> Path:
    """Where a model of transformers lies that has weights. Raises SourceError naming `where`."""
    folder = add_on_folder(entry, entry.source, WANTED)
    if not weights_of(folder):
        raise SourceError(f"{where}: {no_weights(folder)}")
    return folder


def weights_of(folder: Path) -> list[Path]:
    """The files of a model's weights in transformers' layout."""
    return sorted(folder.glob("*.safetensors"))
