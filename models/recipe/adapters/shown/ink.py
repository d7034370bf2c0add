"""A picture as it would be drawn in ink: black lines on white, whatever its colours were."""

import cv2
import numpy as np

FINE, COARSE = 0.8, 3.4  # pixels: a line is where a picture is darker than round about
BLACK = 10.0  # how much darker is black
SOFT = 2.0  # and how much is still nothing


def ink(art: np.ndarray) -> np.ndarray:
    """Art, uint8 RGBA [h, w, 4], as an ink drawing, uint8 RGB [h, w, 3].

    Its outline is a line, and so is every place that is darker than its surroundings: the
    difference of two blurs, as in XDoG (Winnemoeller 2012).
    """
    alpha = art[..., 3:].astype(np.float32) / 255
    shown = art[..., :3] * alpha + 255 * (1 - alpha)
    grey = cv2.cvtColor(shown.astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = grey.shape[0] / 128
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), side * spread) for spread in (FINE, COARSE))
    light = np.clip(1 + (fine - coarse + SOFT) / BLACK, 0, 1)
    solid = (art[..., 3] > 127).astype(np.uint8)
    outline = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    drawn = 255 * light * (1 - outline)
    return np.repeat(drawn[..., None], 3, -1).round().astype(np.uint8)
