"""Models that find what of a picture is meant, by words or by points, in transformers' layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from worker.models.files.errors import SourceError
from worker.models.files.steering.mappers import architecture_of, transformers_folder, weights_of
from worker.models.tables import SegmenterEntry

GoesBy = Literal["words", "points"]

CLASSES: Mapping[str, GoesBy] = {
    "CLIPSegForImageSegmentation": "words",
    "SamModel": "points",
}
"""The classes of transformers, and what each is told of what is meant."""


def is_segmenter(folder: Path) -> bool:
    """Whether a model of one of these classes lies there."""
    try:
        return architecture_of(folder) in CLASSES
    except SourceError:
        return False


def segmenter_folder(entry: SegmenterEntry) -> Path:
    """Where a segmenter lies. Raises SourceError where it is not here or is something else."""
    where = f"{entry.where}.source"
    folder = transformers_folder(entry, where)
    name = architecture_of(folder)
    if name not in CLASSES:
        known = " nor ".join(CLASSES)
        raise SourceError(f"{where}: it is {name or 'nothing known'}, neither {known}.")
    return folder


def goes_by(entry: SegmenterEntry) -> GoesBy:
    """What a segmenter is told of what is meant. Raises SourceError."""
    return CLASSES[architecture_of(segmenter_folder(entry))]


def segmenter_weights(entry: SegmenterEntry) -> list[Path]:
    """The files of its weights. Raises SourceError."""
    return weights_of(segmenter_folder(entry))
