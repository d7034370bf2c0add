"""What the engine starts from, and how its result becomes the caller's picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from jobs.request.fields.regions import Box as Share
from worker.canvas.masks import blend
from worker.canvas.placement import Box, Placement, Size, extended, scale_levels
from worker.engine.request import Enlarge, Mask, Picture


@dataclass(frozen=True, eq=False)
class Canvas:
    """What one job's pictures are worked on.

    `width` and `height` are the engine's, `image` and `mask` have that size, `enlarge` is the
    second pass if there is one, `references` are pictures to be edited, as they came. `size` is the
    finished picture's. With a mask, `original` is what the result is laid over, and `weights` say
    how much of it is seen there. With a `frame` the engine's picture is only that part of the
    finished one, and its edges are drawn out.
    """

    placement: Placement
    size: Size
    image: Picture | None = None
    references: tuple[Picture, ...] = ()
    mask: Mask | None = None
    enlarge: Enlarge | None = None
    original: Picture | None = None
    weights: Mask | None = None
    frame: Box | None = None

    @property
    def width(self) -> int:
        """Width of the engine's first pass."""
        return self.placement.canvas[0]

    @property
    def height(self) -> int:
        """Height of the engine's first pass."""
        return self.placement.canvas[1]

    def compose(self, picture: Picture) -> Picture:
        """The finished picture from the engine's.

        With a mask: the original to the bit wherever the softened mask is black, the engine's
        wherever it is white, and a mixture between.
        """
        if self.frame is not None:
            part = self.placement.take_back(picture, self.frame.size)
            return np.array(extended(Image.fromarray(part), self.frame, self.size))
        if self.original is None or self.weights is None:
            return self.placement.take_back(picture, self.size)
        region = self.placement.region
        over = self.placement.take_back(picture, region.size)
        finished = self.original.copy()
        here = region.slices
        finished[here] = blend(finished[here], over, self.weights[here])
        return finished

    def fit_control(self, image: Image.Image) -> Picture:
        """A ControlNet's picture of any size, cut and placed as the job's own picture is.

        For outpainting, one of the size of the job's picture lies where that lies; any other
        shows the whole.
        """
        return np.ascontiguousarray(self.placement.place(self.placement.fit(image)))

    def fit_mask(self, mask: Image.Image) -> Mask:
        """A mask with greys, of any size, placed in the same way."""
        whole = self.placement.fit(mask, scale_levels)
        return np.ascontiguousarray(self.placement.place(whole, scale_levels))

    def box(self, box: Share) -> Mask:
        """A box in shares of the picture as a mask: each pixel as light as it is covered."""
        across, down = self.placement.size
        covered = np.outer(
            _covered(box.top, box.height, down), _covered(box.left, box.width, across)
        )
        white = Image.fromarray((covered * 255).round().astype(np.uint8))
        return np.ascontiguousarray(self.placement.place(white, scale_levels))


def _covered(start: float, length: float, pixels: int) -> np.ndarray[Any, Any]:
    """How much of each pixel in a line lies in a part of it."""
    edges = np.arange(pixels)
    ends = np.minimum(edges + 1, (start + length) * pixels)
    return np.clip(ends - np.maximum(edges, start * pixels), 0, 1)
