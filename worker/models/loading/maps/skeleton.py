"""People as OpenPose draws them: a coloured line for each limb, a dot for each joint, on black."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from worker.engine.request import Picture

Point = tuple[float, float] | None
"""Where a joint is in pixels, across and down; None where it is not seen."""

JOINTS = 17
"""Of a person, as COCO counts them: nose, eyes, ears, shoulders, elbows, wrists, hips, knees,
ankles, of each the left one first."""

SHOULDERS = (5, 6)

ORDER = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""Which of COCO's joints each of OpenPose's 18 is; its second, the neck, is between the shoulders
(OpenPose, arXiv 1812.08008)."""

LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)),
    *((1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
"""Between which of the 18 a limb is drawn."""

COLOURS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
"""Of each joint, and of each limb by its place among them."""

WIDTH = 4
"""Pixels that a limb and a joint reach to each side."""

DIM = 0.6
"""How bright a limb is beside its joints."""


def drawn(people: Sequence[Sequence[Point]], height: int, width: int) -> Picture:
    """All of them in a picture of this size, each as COCO's 17 joints."""
    canvas = np.zeros((height, width, 3), np.uint8)
    bodies = [_joints(person) for person in people]
    for joints in bodies:
        for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
            if (one := joints[start]) is not None and (other := joints[end]) is not None:
                _limb(canvas, one, other, tuple(int(level * DIM) for level in colour))
    for joints in bodies:
        for joint, colour in zip(joints, COLOURS, strict=True):
            if joint is not None:
                cv2.circle(canvas, (int(joint[0]), int(joint[1])), WIDTH, colour, thickness=-1)
    return canvas


def _joints(person: Sequence[Point]) -> list[Point]:
    one, other = (person[at] for at in SHOULDERS)
    neck = None
    if one is not None and other is not None:
        neck = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
    return [neck if at is None else person[at] for at in ORDER]


def _limb(
    canvas: Picture, one: tuple[float, float], other: tuple[float, float], colour: Sequence[int]
) -> None:
    middle = int((one[0] + other[0]) / 2), int((one[1] + other[1]) / 2)
    half = int(math.dist(one, other) / 2), WIDTH
    angle = int(math.degrees(math.atan2(one[1] - other[1], one[0] - other[0])))
    outline = cv2.ellipse2Poly(middle, half, angle, 0, 360, 1)
    cv2.fillConvexPoly(canvas, np.array(outline, np.int32), colour)
