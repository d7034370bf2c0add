"""From files to what makes maps of pictures for ControlNets, by models of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from transformers import (
    AutoModelForDepthEstimation,
    AutoModelForObjectDetection,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    VitPoseForPoseEstimation,
)

from worker.engine.request import Picture
from worker.models.catalogue import Catalogue
from worker.models.files.steering.mappers import architecture_of, detector_folder, mapper_folder
from worker.models.loading.beside import Beside, loaded, model_in, processor_in, tokenizer_in
from worker.models.loading.maps.depth import Depth
from worker.models.loading.maps.pose import Detector, Pose
from worker.models.loading.maps.segmentation import Segmentation
from worker.models.tables import PreprocessorEntry

# Not typed in full.
Objects: Any = AutoModelForObjectDetection


class Mapper(Protocol):
    """What makes a map of a picture."""

    def map(self, picture: Picture) -> Picture:
        """What a ControlNet reads of a picture (H, W, 3), in its size."""
        ...


class Mappers:
    """The preprocessors of a catalogue, each loaded when it is first asked for and kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._beside = Beside("preprocessor", catalogue.preprocessors, load_mapper)

    def follow(self, catalogue: Catalogue) -> None:
        """Another catalogue takes the place of the one that was."""
        self._beside.follow(catalogue.preprocessors)

    def map(self, name: str, picture: Picture) -> Picture:
        """What a preprocessor makes of a picture. Raises SourceError with a sentence where it
        cannot be used, or is not there any more."""
        return self._beside.get(name).map(picture)


def load_mapper(entry: PreprocessorEntry) -> Mapper:
    """Load a preprocessor of models.toml. Raises SourceError with a sentence."""
    return loaded(entry, _mapper)


def _mapper(entry: PreprocessorEntry) -> Mapper:
    folder, people, where = mapper_folder(entry), detector_folder(entry), entry.where
    match entry.task:
        case "segmentation":
            return _segmentation(where, folder)
        case "pose":
            model = model_in(VitPoseForPoseEstimation, folder, where)
            detector = None
            if people is not None:
                detector = Detector(where, model_in(Objects, people, where), processor_in(people))
            return Pose(where, model, processor_in(folder), detector)
        case task:
            model = model_in(AutoModelForDepthEstimation, folder, where)
            return Depth(model, processor_in(folder), normals=task == "normal")


def _segmentation(where: str, folder: Path) -> Mapper:
    kind = architecture_of(folder)
    semantic = kind.endswith("ForSemanticSegmentation")
    family = AutoModelForSemanticSegmentation if semantic else AutoModelForUniversalSegmentation
    model = model_in(family, folder, where)
    if not kind.startswith("OneFormer"):
        return Segmentation(where, model, processor_in(folder))
    # What it would look up elsewhere are names, which no map has.
    return Segmentation(
        where, model, processor_in(folder, class_info_file=None), tokenizer_in(folder)
    )
