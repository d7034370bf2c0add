"""Restores faces: each is turned upright and brought to the size that the network was taught,
drawn again, and laid back with a soft edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from worker.engine.errors import NotFinite
from worker.engine.faces.finder import FaceFinder, Landmarks
from worker.engine.ground.transfer import sent
from worker.engine.request import Picture

SIDE = 512
"""Side in pixels of the faces that GFPGAN and RestoreFormer were taught."""

UPRIGHT = np.array(
    [
        *([192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935]),
        *([201.26117, 371.41043], [313.08905, 371.15118]),
    ],
    np.float32,
)
"""Where those faces (FFHQ's) have their eyes, nose and corners of the mouth, as facexlib has it."""

EDGE = 24
"""Pixels of a restored face, at SIDE, that are not laid back: there it knows least."""

SOFT = 12
"""Over how many pixels, at SIDE, it fades into the picture (a Gaussian's sigma)."""

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class FaceRestorer:
    """A network that restores faces, with what finds them.

    `network` takes (1, 3, SIDE, SIDE) in 0 to 1, in `dtype` on `device`, to the same.
    """

    name: str
    network: Callable[[torch.Tensor], torch.Tensor]
    finder: FaceFinder
    device: torch.device
    dtype: torch.dtype

    def restored(self, picture: Picture, face: Landmarks, strength: float) -> Picture:
        """The picture with one of its faces restored as far as `strength`. Raises NotFinite."""
        upright = _similarity(face, UPRIGHT)
        crop = cv2.warpAffine(
            picture, upright, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return _laid_back(picture, self._drawn(crop), upright, strength)

    @torch.inference_mode()
    def _drawn(self, crop: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None]
        here = sent(pixels, self.device).to(self.dtype) / 255
        drawn = self.network(here)[0].float().permute(1, 2, 0).cpu()
        if not drawn.isfinite().all():
            raise NotFinite(f"The face restorer {self.name} made NaN or infinity.")
        return drawn.clamp(0, 1).numpy() * 255


class Restoration:
    """A picture whose faces are being restored, one at a time."""

    def __init__(self, restorer: FaceRestorer, picture: Picture, strength: float) -> None:
        self.picture = picture
        self.faces = 0
        self._restorer = restorer
        self._strength = strength
        self._left: list[Landmarks] | None = None

    def advance(self) -> bool:
        """Finds the faces, or restores the next of them; whether all are done. Raises NotFinite."""
        if self._left is None:
            self._left = self._restorer.finder.find(self.picture) if self._strength else []
        else:
            face = self._left.pop(0)
            self.picture = self._restorer.restored(self.picture, face, self._strength)
            self.faces += 1
        return not self._left


def _similarity(marks: Landmarks, to: Landmarks) -> Matrix:
    """The turn, scale and shift (2, 3) that bring `marks` nearest to others."""
    rows = [row for x, y in marks for row in ((x, -y, 1, 0), (y, x, 0, 1))]
    a, b, across, down = np.linalg.lstsq(np.array(rows, np.float64), to.ravel(), rcond=None)[0]
    return np.array([[a, -b, across], [b, a, down]])


def _laid_back(picture: Picture, face: np.ndarray, upright: Matrix, strength: float) -> Picture:
    scale = min(1.0, 1 / np.hypot(upright[0, 0], upright[1, 0]))
    side = max(1, round(SIDE * scale))
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[EDGE:-EDGE, EDGE:-EDGE] = strength
    mask = cv2.GaussianBlur(mask, (0, 0), SOFT)
    if side < SIDE:
        # What is warped to less than half its size would lose lines of it.
        face = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
    back = cv2.invertAffineTransform(upright)
    back[:, :2] *= SIDE / side
    size = picture.shape[1], picture.shape[0]
    laid = cv2.warpAffine(face, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    shown = cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR)[..., None]
    mixed = picture + (laid - picture) * shown
    return np.asarray(mixed.round().clip(0, 255), np.uint8)
