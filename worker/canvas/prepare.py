"""From a request and its pictures to a canvas: one function for each kind of job."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from jobs.request.request import ResolvedRequest
from worker.canvas.canvas import Canvas
from worker.canvas.masks import (
    core,
    fill,
    has_greys,
    masked_area,
    require_white,
    settled,
    soften,
    weight,
    weight_of_greys,
)
from worker.canvas.placement import (
    Box,
    CanvasError,
    Placement,
    Scale,
    Size,
    black_and_white,
    contained,
    fitted,
    multiple,
    scale_levels,
    scale_mask,
)
from worker.engine.request import BUILT_IN_UPSCALERS, Enlarge, Mask

T = TypeVar("T")

ENOUGH = 0.9
"""Share of what was drawn that must be left when it is cut to another shape."""


def prepare(
    request: ResolvedRequest,
    image: Image.Image | None,
    mask: Image.Image | None,
    factor: int,
    references: Sequence[Image.Image] = (),
) -> Canvas:
    """What the engine starts from: sides that are multiples of `factor`, the picture (RGB) and the
    mask (L; white is repainted) brought to them; and `references` (RGB) as they are. Raises
    CanvasError."""
    match request.kind:
        case "text-to-image" | "walk":
            canvas = _from_words(request, factor)
        case "image-to-image" | "variations":
            canvas = _from_picture(request, _given(image, "image"), factor)
        case "edit":
            edited = _given(image, "image")
            canvas = _from_picture(request, edited, factor)
            shown = tuple(np.array(each) for each in (edited, *references))
            return _brought_to_size(request, replace(canvas, references=shown))
        case "inpaint":
            canvas = _inpaint(request, _given(image, "image"), _given(mask, "mask"), factor)
            return _brought_to_size(request, canvas)
        case "outpaint":
            return _brought_to_size(request, _outpaint(request, _given(image, "image"), factor))
        case "upscale":
            return _upscale(request, _given(image, "image"), factor)
    if request.hires is None:
        return _brought_to_size(request, canvas)
    return _with_second_pass(request, canvas, factor)


def _from_words(request: ResolvedRequest, factor: int) -> Canvas:
    """Nothing to begin with. What is drawn in another shape than the picture's is cut to it, or
    where that would lose too much, all of it lies in the middle."""
    size = request.width, request.height
    if request.drawn is None:
        return Canvas(_whole(request, factor), size)
    canvas = request.drawn.width, request.drawn.height
    kept = contained(size, canvas)
    if kept.width * kept.height >= ENOUGH * canvas[0] * canvas[1]:
        return Canvas(_whole(request, factor), size)
    frame = contained(canvas, size)
    everything = Box(0, 0, *frame.size)
    whole = Placement(canvas, frame.size, everything, Box(0, 0, *canvas), request.resize)
    return Canvas(whole, size, frame=frame)


def _brought_to_size(request: ResolvedRequest, canvas: Canvas) -> Canvas:
    """With a network that enlarges what was drawn smaller, where the request names one; what it
    makes is brought to the picture's size in the end, as everything else is."""
    drawn = request.drawn
    if drawn is None or drawn.upscaler in BUILT_IN_UPSCALERS:
        return canvas
    final = canvas.frame.size if canvas.frame else canvas.placement.region.size
    enlarged = _enlarged(canvas, final, 1, request.steps, 0.0, drawn.upscaler, last=True)
    return replace(enlarged, size=canvas.size)


def _from_picture(request: ResolvedRequest, image: Image.Image, factor: int) -> Canvas:
    placement = _whole(request, factor)
    return Canvas(placement, placement.size, image=placement.place(placement.fit(image)))


def _inpaint(
    request: ResolvedRequest, image: Image.Image, mask: Image.Image, factor: int
) -> Canvas:
    mask = settled(ImageOps.invert(mask) if request.mask_invert else mask)
    greys = request.mask_grey != "cut" and has_greys(mask)
    mask, scale = (mask, scale_levels) if greys else (black_and_white(mask), scale_mask)
    colour = "black" if request.mask_invert else "white"
    require_white(mask, f"it has nothing {colour}, so there is nothing to repaint.")
    mask = fitted(mask, image.size, "stretch", scale)
    paint = _paint(request, mask, greys)
    if request.inpaint_area == "masked":
        return _masked(_area(request, paint.weights, image.size, factor), request, image, paint)
    placement = _whole(request, factor)
    mask = placement.fit(mask, scale)
    lost = f"what is {colour} lies outside the part of the picture that is kept; try resize pad."
    require_white(mask, lost)
    return _masked(placement, request, placement.fit(image), _paint(request, mask, greys))


@dataclass(frozen=True, eq=False)
class Paint:
    """What is repainted of a picture and how much of the result is seen, and by which scaling the
    first gets to the engine's size."""

    repainted: Mask
    weights: Mask
    scale: Scale = scale_mask


def _paint(request: ResolvedRequest, mask: Image.Image, greys: bool) -> Paint:
    levels, radius = np.array(mask), request.mask_blur
    if not greys:
        return _edged(soften(levels, radius))
    touched = np.where(levels > 0, 255, 0).astype(np.uint8)
    if request.mask_grey == "strength":
        # How weak it is, is in the result already, which is seen wherever it was painted.
        return Paint(levels, weight_of_greys(touched, radius), scale_levels)
    weights = weight_of_greys(levels, radius)
    return Paint(np.where(weights == 255, 255, touched).astype(np.uint8), weights)


def _edged(soft: Mask) -> Paint:
    return Paint(core(soft), weight(soft))


def _area(request: ResolvedRequest, seen: Mask, size: Size, factor: int) -> Placement:
    """The masked area alone, at the full size asked for."""
    at = request.drawn or request
    asked = at.width, at.height
    region = masked_area(seen, request.mask_padding, asked)
    canvas = multiple(asked[0], factor), multiple(asked[1], factor)
    return Placement(canvas, size, region, contained(region.size, asked), request.resize)


def _outpaint(request: ResolvedRequest, image: Image.Image, factor: int) -> Canvas:
    add = request.expand
    source = Box(add.left, add.top, *image.size)
    size = image.width + add.left + add.right, image.height + add.top + add.bottom
    placement = replace(_at_own_size(request, size, factor), source=source)
    new = np.full((size[1], size[0]), 255, np.uint8)
    new[source.slices] = 0
    # The seam is repainted as well, on the sides that grow, or the eye would find it.
    overlap = request.mask_blur
    left, top, right, bottom = source.corners
    mask = np.full_like(new, 255)
    mask[
        top + (overlap if add.top else 0) : max(0, bottom - (overlap if add.bottom else 0)),
        left + (overlap if add.left else 0) : max(0, right - (overlap if add.right else 0)),
    ] = 0
    extended = placement.fit(image)
    if request.fill == "fill":
        extended = Image.fromarray(fill(np.array(extended), new))
    kept = request.model_copy(update={"fill": "original"})
    return _masked(placement, kept, extended, _edged(soften(mask, request.mask_blur)))


def _upscale(request: ResolvedRequest, image: Image.Image, factor: int) -> Canvas:
    """The picture at its own size goes to the second pass at once."""
    final = request.width, request.height
    upscaler = request.upscaler or "lanczos"
    if not request.strength and upscaler != "latent":
        # Nothing is encoded, so any size will do, and nothing is lost on the way.
        factor = 1
    placement = _at_own_size(request, image.size, factor)
    canvas = Canvas(placement, final, image=placement.place(image))
    return _enlarged(canvas, final, factor, request.steps, request.strength, upscaler)


def _with_second_pass(request: ResolvedRequest, canvas: Canvas, factor: int) -> Canvas:
    hires = request.hires
    if hires is None:
        return canvas
    final = round(request.width * hires.scale), round(request.height * hires.scale)
    steps = hires.steps or request.steps
    if canvas.frame is not None:
        grown = contained(canvas.placement.canvas, final)
        canvas = replace(canvas, frame=grown)
        second = _enlarged(canvas, grown.size, factor, steps, hires.strength, hires.upscaler)
        return replace(second, size=final)
    # Where the second pass does not paint, the first does, whatever it begins from.
    last = request.drawn is not None or not hires.strength
    upscaler = hires.upscaler
    return _enlarged(canvas, final, factor, steps, hires.strength, upscaler, last=last)


def _enlarged(
    canvas: Canvas,
    final: Size,
    factor: int,
    steps: int,
    strength: float,
    upscaler: str,
    *,
    last: bool = False,
) -> Canvas:
    """With a second pass, at least as large as `final` needs it, whose result is brought to it."""
    inside = canvas.placement.inside
    enlarge = Enlarge(
        width=_in_proportion(canvas.width, final[0], inside.width, factor),
        height=_in_proportion(canvas.height, final[1], inside.height, factor),
        steps=steps,
        strength=strength,
        upscaler=upscaler,
        last=last,
    )
    return replace(canvas, size=final, enlarge=enlarge)


def _in_proportion(side: int, final: int, inside: int, factor: int) -> int:
    return -(-side * final // (inside * factor)) * factor


def _masked(
    placement: Placement, request: ResolvedRequest, image: Image.Image, paint: Paint
) -> Canvas:
    """A picture of the placement's size, some of which is repainted."""
    repainted = placement.place(Image.fromarray(paint.repainted), paint.scale)
    picture = placement.place(image)
    return Canvas(
        placement,
        placement.size,
        image=fill(picture, repainted) if request.fill == "fill" else picture,
        mask=repainted,
        original=np.array(image),
        # With no strength nothing is repainted, and what was scaled on the way may not be seen.
        weights=paint.weights if request.strength else np.zeros_like(paint.weights),
    )


def _whole(request: ResolvedRequest, factor: int) -> Placement:
    return _at_own_size(request, (request.width, request.height), factor)


def _at_own_size(request: ResolvedRequest, size: Size, factor: int) -> Placement:
    """All of a picture of `size`, its edges drawn out to the next multiple of `factor`."""
    everything = Box(0, 0, *size)
    if request.drawn is not None:
        canvas = request.drawn.width, request.drawn.height
        return Placement(canvas, size, everything, contained(size, canvas), request.resize)
    canvas = multiple(size[0], factor), multiple(size[1], factor)
    return Placement(canvas, size, everything, everything, request.resize)


def _given(picture: T | None, field: str) -> T:
    if picture is None:
        raise CanvasError(f"{field}: is required, and there is none.")
    return picture
