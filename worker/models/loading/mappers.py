"""From files to what makes maps of pictures for ControlNets, by models of transformers."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForDepthEstimation,
    AutoModelForObjectDetection,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    AutoTokenizer,
    VitPoseForPoseEstimation,
)

from worker.engine.request import Picture
from worker.models.catalogue import Catalogue
from worker.models.files.errors import SourceError
from worker.models.files.steering.mappers import architecture_of, detector_folder, mapper_folder
from worker.models.loading.maps.depth import Depth
from worker.models.loading.maps.pose import Detector, Pose
from worker.models.loading.maps.segmentation import Segmentation
from worker.models.loading.pretrained import load_pretrained, one_at_a_time
from worker.models.tables import PreprocessorEntry

log = logging.getLogger(__name__)

# None of these is typed in full.
Processors: Any = AutoImageProcessor
Tokenizers: Any = AutoTokenizer
Objects: Any = AutoModelForObjectDetection


class Mapper(Protocol):
    """What makes a map of a picture, in float32 on the CPU: the GPU is the engine's."""

    def map(self, picture: Picture) -> Picture:
        """What a ControlNet reads of a picture (H, W, 3), in its size."""
        ...


class Mappers:
    """The preprocessors of a catalogue, each loaded when it is first asked for and kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._entries = catalogue.preprocessors
        self._loaded: dict[str, tuple[PreprocessorEntry, Mapper]] = {}
        self._lock = threading.Lock()

    def follow(self, catalogue: Catalogue) -> None:
        """Another catalogue takes the place of the one that was."""
        with self._lock:
            self._entries = catalogue.preprocessors
            self._loaded = {
                name: kept
                for name, kept in self._loaded.items()
                if self._entries.get(name) == kept[0]
            }

    def map(self, name: str, picture: Picture) -> Picture:
        """What a preprocessor makes of a picture. Raises SourceError with a sentence where it
        cannot be used, or is not there any more."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                raise SourceError(f"The preprocessor {name!r} was removed from this server.")
            if name not in self._loaded:
                self._loaded[name] = entry, load_mapper(entry)
            mapper = self._loaded[name][1]
        return mapper.map(picture)


@one_at_a_time
def load_mapper(entry: PreprocessorEntry) -> Mapper:
    """Load a preprocessor of models.toml. Raises SourceError with a sentence."""
    started = time.monotonic()
    folder, people = mapper_folder(entry), detector_folder(entry)
    try:
        mapper = _mapper(entry, folder, people)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SourceError(f"{entry.where} does not load: {reason}") from error
    log.info("Loaded %s in %.1f s.", entry.where, time.monotonic() - started)
    return mapper


def _mapper(entry: PreprocessorEntry, folder: Path, people: Path | None) -> Mapper:
    where = entry.where
    match entry.task:
        case "segmentation":
            return _segmentation(where, folder)
        case "pose":
            model = _model(VitPoseForPoseEstimation, folder, where)
            detector = None
            if people is not None:
                detector = Detector(where, _model(Objects, people, where), _processor(people))
            return Pose(where, model, _processor(folder), detector)
        case task:
            model = _model(AutoModelForDepthEstimation, folder, where)
            return Depth(model, _processor(folder), normals=task == "normal")


def _segmentation(where: str, folder: Path) -> Mapper:
    kind = architecture_of(folder)
    semantic = kind.endswith("ForSemanticSegmentation")
    family = AutoModelForSemanticSegmentation if semantic else AutoModelForUniversalSegmentation
    model = _model(family, folder, where)
    if not kind.startswith("OneFormer"):
        return Segmentation(where, model, _processor(folder))
    # What it would look up elsewhere are names, which no map has.
    processor = _processor(folder, class_info_file=None)
    tokenizer = Tokenizers.from_pretrained(folder, local_files_only=True)
    return Segmentation(where, model, processor, tokenizer)


def _model(family: Any, folder: Path, where: str) -> Any:
    model = load_pretrained(family, folder, f"{where}.source: ", dtype=torch.float32)
    return model.eval().requires_grad_(False)


def _processor(folder: Path, **options: Any) -> Any:
    return Processors.from_pretrained(folder, local_files_only=True, **options)
