"""Where a request's regions lie on the canvas."""

from collections.abc import Callable

from PIL import Image

from jobs.request.request import ResolvedRequest
from worker.canvas.canvas import Canvas
from worker.canvas.placement import CanvasError
from worker.engine.request import Mask, Region


def regions_on(
    canvas: Canvas, request: ResolvedRequest, mask: Callable[[str], Image.Image]
) -> tuple[Region, ...]:
    """The regions of a request as the engine takes them; `mask` gives the picture (L) that one
    names. Raises CanvasError."""

    def place(index: int) -> Mask:
        region = request.regions[index]
        if region.mask is not None:
            return canvas.fit_mask(mask(region.mask))
        if region.box is None:
            raise CanvasError(f"regions: {index} has neither a box nor a mask.")
        return canvas.box(region.box)

    return tuple(
        Region(region.prompt, place(index), region.weight)
        for index, region in enumerate(request.regions)
    )
