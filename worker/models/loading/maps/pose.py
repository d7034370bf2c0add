"""How the people of a picture stand, by a model that finds them and one that finds their joints."""

from __future__ import annotations

from typing import Any

import torch

from worker.engine.request import Picture
from worker.models.files.errors import SourceError
from worker.models.loading.maps.skeleton import JOINTS, Point, drawn

SURE_OF_A_PERSON = 0.3
"""Score from which something is a person, as ViTPose's makers have it."""

SURE_OF_A_JOINT = 0.3

PERSON = "person"


class Pose:
    """A ViTPose of transformers with a detector that finds the people; without one the whole
    picture is one. Raises SourceError for models that know other joints, or no people."""

    def __init__(self, where: str, model: Any, processor: Any, detector: Any = None) -> None:
        joints = int(model.config.num_labels)
        if joints != JOINTS:
            raise SourceError(
                f"{where}.source: it finds {joints} joints, not the {JOINTS} of COCO's people."
            )
        self._model, self._processor, self._detector = model, processor, detector

    def map(self, picture: Picture) -> Picture:
        """The people of a picture (H, W, 3) as OpenPose draws them."""
        height, width = picture.shape[:2]
        boxes = [[0.0, 0.0, float(width), float(height)]]
        if self._detector is not None:
            boxes = self._detector.people(picture)
        if not boxes:
            return drawn([], height, width)
        asked: Any = self._processor(picture, boxes=[boxes], return_tensors="pt")
        if getattr(self._model.config.backbone_config, "num_experts", 1) > 1:
            # Of the data that one of several experts was taught with, COCO is the first.
            asked["dataset_index"] = torch.zeros(len(boxes), dtype=torch.int64)
        with torch.inference_mode():
            found = self._model(**asked)
        (people,) = self._processor.post_process_pose_estimation(found, boxes=[boxes])
        return drawn([_joints(each) for each in people], height, width)


class Detector:
    """A model of transformers that finds objects, people among them."""

    def __init__(self, where: str, model: Any, processor: Any) -> None:
        names: dict[int, str] = model.config.id2label
        found = [number for number, name in names.items() if name.lower() == PERSON]
        if not found:
            raise SourceError(f"{where}.detector: none of what it finds is a {PERSON}.")
        self._model, self._processor, self._person = model, processor, found[0]

    def people(self, picture: Picture) -> list[list[float]]:
        """Where each person is: across, down, width and height in pixels."""
        asked: Any = self._processor(images=picture, return_tensors="pt")
        with torch.inference_mode():
            found = self._model(**asked)
        (objects,) = self._processor.post_process_object_detection(
            found, threshold=SURE_OF_A_PERSON, target_sizes=[picture.shape[:2]]
        )
        corners = objects["boxes"][objects["labels"] == self._person].tolist()
        return [[left, top, right - left, bottom - top] for left, top, right, bottom in corners]


def _joints(person: dict[str, Any]) -> list[Point]:
    scores = person["scores"].tolist()
    return [
        (float(at[0]), float(at[1])) if score > SURE_OF_A_JOINT else None
        for at, score in zip(person["keypoints"].tolist(), scores, strict=True)
    ]
