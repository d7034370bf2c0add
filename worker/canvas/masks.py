"""Masks and what is under them: white and black, soft edges, the masked area, fills."""

import cv2
import numpy as np
from PIL import Image, ImageFilter

from jobs.request.fields.masks import NEARLY
from worker.canvas.placement import Box, CanvasError, Size
from worker.engine.request import Mask, Picture

FILL_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Radius, and how often it is laid on: as AUTOMATIC1111's modules/masking.py fills."""

GREY = (128, 128, 128)


def require_white(mask: Image.Image, reason: str) -> None:
    """Raises CanvasError with the reason where nothing is to be repainted."""
    if mask.getbbox() is None:
        raise CanvasError(f"mask: {reason}")


def soften(mask: Mask, radius: int) -> Mask:
    """The mask with edges that fade out over about `radius` pixels (a Gaussian's deviation).

    As AUTOMATIC1111 blurs it, but nothing white is taken away: a dot stays a dot.
    """
    if not radius:
        return mask
    kernel = 2 * int(2.5 * radius + 0.5) + 1
    blurred = np.asarray(cv2.GaussianBlur(mask, (kernel, kernel), radius), np.uint8)
    return np.maximum(mask, blurred)


def core(soft: Mask) -> Mask:
    """What the engine repaints: all that is at least half white."""
    return np.where(soft >= 128, 255, 0).astype(np.uint8)


def settled(mask: Image.Image) -> Image.Image:
    """The mask with black for what is nearly black, and white for what is nearly white."""
    levels = np.asarray(mask)
    levels = np.where(levels <= NEARLY, 0, np.where(levels >= 255 - NEARLY, 255, levels))
    return Image.fromarray(levels.astype(np.uint8))


def has_greys(mask: Image.Image) -> bool:
    """Whether a mask has more than black and white."""
    levels = np.asarray(mask)
    return bool(((levels > 0) & (levels < 255)).any())


def weight_of_greys(mask: Mask, radius: int) -> Mask:
    """How much of a result is seen over the original where a mask has greys: as much as it is
    light, with edges that fade out as those of black and white do."""
    if not radius:
        return mask
    kernel = 2 * int(2.5 * radius + 0.5) + 1
    levels = mask.astype(np.float32)
    # On a slope the blurred mask is the mask itself; beyond an edge this is twice the blurred one.
    faded = 2 * cv2.GaussianBlur(levels, (kernel, kernel), radius) - levels
    return np.maximum(levels, faded.round()).clip(0, 255).astype(np.uint8)


def weight(soft: Mask) -> Mask:
    """How much of a result is seen over the original: all of it in the core, none where the mask
    is black. As AUTOMATIC1111 doubles its overlay, so that no part of the core shows through."""
    return np.minimum(soft.astype(np.uint16) * 2, 255).astype(np.uint8)


def blend(under: Picture, over: Picture, weights: Mask) -> Picture:
    """`over` where the weight is 255, `under` where it is 0, to the bit; between them a mixture."""
    share = weights[..., None].astype(np.uint16)
    mixed = over * share + under * (255 - share)
    return ((mixed + 127) // 255).astype(np.uint8)


def masked_area(soft: Mask, padding: int, shape: Size) -> Box:
    """The box round all of the mask, `padding` wider on each side, grown to the shape of `shape`
    as far as the picture goes."""
    bounds = Image.fromarray(soft).getbbox()
    if bounds is None:
        raise ValueError("An empty mask has no area.")
    height, width = soft.shape
    left, right = max(0, bounds[0] - padding), min(width, bounds[2] + padding)
    top, bottom = max(0, bounds[1] - padding), min(height, bounds[3] + padding)
    ratio = shape[0] / shape[1]
    if (right - left) / (bottom - top) > ratio:
        top, bottom = _grown(top, bottom, int((right - left) / ratio), height)
    else:
        left, right = _grown(left, right, int((bottom - top) * ratio), width)
    return Box(left, top, right - left, bottom - top)


def fill(picture: Picture, mask: Mask) -> Picture:
    """The picture with the colours of the surroundings under the mask, the finer the nearer.

    As AUTOMATIC1111 fills: ever less blurred copies of what is kept over one another; and far
    from all that is kept, its mean.
    """
    kept = mask < 128
    mean = tuple(picture[kept].mean(axis=0).round().astype(int)) if kept.any() else GREY
    filled = Image.new("RGBA", (picture.shape[1], picture.shape[0]), (*mean, 255))
    alpha = np.where(kept, 255, 0).astype(np.uint8)
    premultiplied = np.dstack([np.where(kept[..., None], picture, 0).astype(np.uint8), alpha])
    # Blurred with premultiplied alpha, or the black under the mask would come in.
    surroundings = Image.frombytes("RGBa", filled.size, premultiplied.tobytes())
    for radius, times in FILL_BLURS:
        blurred = surroundings.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            filled.alpha_composite(blurred)
    return np.array(filled.convert("RGB"))


def _grown(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    """A span made `length` long to both sides, moved back where it leaves the picture."""
    length = min(limit, max(length, end - start))
    start = min(max(0, start - (length - (end - start)) // 2), limit - length)
    return start, start + length
