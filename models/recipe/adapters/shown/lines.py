"""What a ControlNet for edges is shown: Canny's edges, and lines as a hand draws them."""

import random

import cv2
import numpy as np

from jobs.pictures.preprocess import CANNY_THRESHOLDS, preprocess

USUAL = 0.5  # how often the edges are what the server makes of a picture by itself
OUTLINE = 0.25  # how often only the outline is drawn
THICK = 0.5  # how often what is not usual is drawn with a thick pen
HOLE = 0.15  # how often a part of the lines is missing


def lines(art: np.ndarray, rng: random.Random) -> np.ndarray:
    """Art, uint8 RGBA [h, w, 4], as white lines on black, uint8 [h, w]."""
    alpha = art[..., 3:].astype(np.float32) / 255
    shown = (art[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    if rng.random() < USUAL:
        return preprocess("canny", shown)[..., 0]
    if rng.random() < OUTLINE:
        drawn = cv2.Canny(np.where(art[..., 3] > 127, 0, 255).astype(np.uint8), *CANNY_THRESHOLDS)
    else:
        low = rng.uniform(30, 140)
        drawn = preprocess("canny", shown, low, rng.uniform(1.5, 2.5) * low)[..., 0]
    if rng.random() < THICK:
        drawn = by_hand(drawn, rng)
    if rng.random() < HOLE:
        height, width = drawn.shape
        top, left = rng.randrange(height), rng.randrange(width)
        drawn = drawn.copy()
        drawn[top : top + height // 4, left : left + width // 4] = 0
    return drawn


def by_hand(drawn: np.ndarray, rng: random.Random) -> np.ndarray:
    """Lines, uint8 [h, w], drawn by an unsteady hand with a pen of two to five pixels."""
    height, width = drawn.shape
    waves = np.random.default_rng(rng.getrandbits(32)).normal(0, 0.012 * width, (2, 5, 5))
    across, down = (
        cv2.resize(wave.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for wave in waves
    )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rng.randint(2, 5),) * 2)
    return cv2.remap(cv2.dilate(drawn, pen), x + across, y + down, cv2.INTER_LINEAR)
