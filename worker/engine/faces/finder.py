"""Finds faces by OpenCV's YuNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from worker.engine.request import Picture

Landmarks = np.ndarray[tuple[int, int], np.dtype[np.float32]]
"""Of one face, in pixels (5, 2): the eye that is on the left, the one on the right, the tip of the
nose, the corner of the mouth on the left, the one on the right."""

LONGEST = 640
"""Side in pixels to which a larger picture is brought: YuNet was taught faces of 10 to 300."""

SURE = 0.7
"""Score from which something is a face."""

APART = 5
"""Pixels between two eyes below which a face has nothing that could be restored."""


class FaceFinder:
    """YuNet (Machine Intelligence Research, 2023) from its ONNX file. One thread at a time.

    Raises ValueError where OpenCV cannot read the file.
    """

    def __init__(self, file: Path) -> None:
        try:
            self._net: Any = cv2.FaceDetectorYN.create(str(file), "", (LONGEST, LONGEST), SURE)
        except cv2.error as error:
            raise ValueError(f"{file} is no YuNet that OpenCV {cv2.__version__} reads") from error

    def find(self, picture: Picture) -> list[Landmarks]:
        """The faces of an RGB picture, the largest first."""
        height, width = picture.shape[:2]
        shrunk = min(1.0, LONGEST / max(height, width))
        size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if shrunk < 1 else picture
        self._net.setInputSize(size)
        found = self._net.detect(np.ascontiguousarray(small[..., ::-1]))[1]
        if found is None:
            return []
        largest = sorted(found, key=lambda face: -face[2] * face[3])
        marks = [face[4:14].reshape(5, 2) * (width / size[0], height / size[1]) for face in largest]
        return [
            each.astype(np.float32) for each in marks if np.hypot(*(each[1] - each[0])) >= APART
        ]
