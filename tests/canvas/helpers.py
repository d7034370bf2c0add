"""What the canvas tests share: requests, pictures, masks."""

from typing import Any

import cv2
import numpy as np
from PIL import Image

from jobs.request.request import ResolvedRequest
from worker.canvas import Canvas


def asked(kind: str, width: int = 64, height: int = 64, **fields: Any) -> ResolvedRequest:
    common: dict[str, Any] = {"steps": 4, "guidance_scale": 2.0, "seed": 7, "sampler": "euler"}
    size: dict[str, Any] = {"width": width, "height": height}
    return ResolvedRequest(kind=kind, model="m", prompt="", **common | size | fields)


def noisy(width: int, height: int, seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))


def smooth(width: int, height: int) -> Image.Image:
    small = noisy(5, 4, seed=3)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def mask_of(width: int, height: int, *white: tuple[int, int, int, int]) -> Image.Image:
    pixels = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in white:
        pixels[top:bottom, left:right] = 255
    return Image.fromarray(pixels)


def other_picture(canvas: Canvas) -> np.ndarray:
    """A result of the engine that is nowhere what the canvas was."""
    width, height = canvas.width, canvas.height
    if canvas.enlarge is not None:
        width, height = canvas.enlarge.width, canvas.enlarge.height
    if canvas.image is not None and canvas.image.shape[:2] == (height, width):
        return canvas.image ^ 0x80
    return np.array(noisy(width, height, seed=9))


def softened(mask: Image.Image, blur: int) -> np.ndarray:
    """AUTOMATIC1111's blur of a mask (modules/processing.py), one axis after the other."""
    pixels = np.array(mask)
    if not blur:
        return pixels
    size = 2 * int(2.5 * blur + 0.5) + 1
    return cv2.GaussianBlur(cv2.GaussianBlur(pixels, (size, 1), blur), (1, size), blur)
