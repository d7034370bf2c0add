"""Where a picture lies on the canvas that the engine works on, there and back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from jobs.request.fields.values import Resize
from worker.engine.request import Picture

Size = tuple[int, int]
"""Width and height in pixels."""

Corners = tuple[float, float, float, float]
"""Left, top, right and bottom, as PIL has them."""

Scale = Callable[[Image.Image, Size, Corners], Image.Image]
"""Brings a part of a picture to a size."""


class CanvasError(ValueError):
    """The job fails with this sentence: its picture or mask cannot be worked on as asked."""


@dataclass(frozen=True)
class Box:
    """A part of a picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        left, top, right, bottom = self.corners
        return slice(top, bottom), slice(left, right)


def scale_picture(picture: Image.Image, size: Size, corners: Corners) -> Image.Image:
    """By Lanczos; the same pixels where nothing is scaled."""
    return picture.resize(size, Image.Resampling.LANCZOS, box=corners)


def scale_mask(mask: Image.Image, size: Size, corners: Corners) -> Image.Image:
    """Black and white stay so; where it shrinks, a pixel is white if any part of it was."""
    shrinks = size[0] < corners[2] - corners[0] or size[1] < corners[3] - corners[1]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    least = 1 if shrinks else 128
    return black_and_white(mask.resize(size, method, box=corners), least)


def scale_levels(mask: Image.Image, size: Size, corners: Corners) -> Image.Image:
    """A mask with greys: each pixel as light as what it is made of."""
    shrinks = size[0] < corners[2] - corners[0] or size[1] < corners[3] - corners[1]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return mask.resize(size, method, box=corners)


def black_and_white(mask: Image.Image, least: int = 128) -> Image.Image:
    """White where the mask is at least so bright, else black."""
    return Image.fromarray(np.where(np.asarray(mask) >= least, 255, 0).astype(np.uint8))


@dataclass(frozen=True)
class Placement:
    """A part of a picture on a canvas: `region` of a picture of `size` lies at `inside` on it.

    What the canvas has beside it, on any side, is the part's edge drawn out. `source` is where in
    the `size` the caller's own picture lies, if it was extended.
    """

    canvas: Size
    size: Size
    region: Box
    inside: Box
    resize: Resize
    source: Box | None = None

    def fit(self, picture: Image.Image, scale: Scale = scale_picture) -> Image.Image:
        """A picture of any size brought to `size`."""
        if self.source is not None and picture.size == self.source.size:
            return extended(picture, self.source, self.size)
        return fitted(picture, self.size, self.resize, scale)

    def place(self, picture: Image.Image, scale: Scale = scale_picture) -> Picture:
        """The canvas (height, width, ...) with a picture of `size` on it."""
        part = picture.crop(self.region.corners)
        part = scale(part, self.inside.size, (0, 0, *part.size))
        return np.array(extended(part, self.inside, self.canvas))

    def take_back(self, picture: Picture, size: Size) -> Picture:
        """What lies `inside` on a canvas that came back in any size, brought to `size`."""
        across, down = picture.shape[1], picture.shape[0]
        width, height = self.canvas
        left, top, right, bottom = self.inside.corners
        corners = (
            left * across / width,
            top * down / height,
            min(right * across / width, across),
            min(bottom * down / height, down),
        )
        part = Image.fromarray(picture)
        if all(corner.is_integer() for corner in corners):
            part = part.crop(corners)
            corners = (0.0, 0.0, *part.size)
        return np.array(part if part.size == size else scale_picture(part, size, corners))


def fitted(
    picture: Image.Image, size: Size, resize: Resize, scale: Scale = scale_picture
) -> Image.Image:
    """The picture brought to another shape: stretched; its middle; or whole, edges drawn out."""
    if picture.size == size:
        return picture
    if resize == "pad":
        inside = contained(picture.size, size)
        return extended(scale(picture, inside.size, (0, 0, *picture.size)), inside, size)
    corners = (0.0, 0.0, *picture.size) if resize == "stretch" else _middle(picture.size, size)
    return scale(picture, size, corners)


def contained(part: Size, size: Size) -> Box:
    """Where in the middle of `size` a part lies that is brought to it in its own shape."""
    factor = min(size[0] / part[0], size[1] / part[1])
    width, height = (
        min(whole, max(1, round(side * factor))) for side, whole in zip(part, size, strict=True)
    )
    return Box((size[0] - width) // 2, (size[1] - height) // 2, width, height)


def extended(picture: Image.Image, inside: Box, size: Size) -> Image.Image:
    """A picture of `size` with this one inside, whose edges are drawn out to every side."""
    if picture.size == size:
        return picture
    left, top, right, bottom = inside.corners
    margins = [(top, size[1] - bottom), (left, size[0] - right)]
    pixels = np.array(picture)
    margins += [(0, 0)] * (pixels.ndim - 2)
    return Image.fromarray(np.pad(pixels, margins, mode="edge"))


def multiple(pixels: int, factor: int) -> int:
    """The next multiple of `factor`."""
    return -(-pixels // factor) * factor


def _middle(part: Size, size: Size) -> Corners:
    factor = min(part[0] / size[0], part[1] / size[1])
    width, height = min(part[0], size[0] * factor), min(part[1], size[1] * factor)
    left, top = (part[0] - width) / 2, (part[1] - height) / 2
    return left, top, min(left + width, part[0]), min(top + height, part[1])
