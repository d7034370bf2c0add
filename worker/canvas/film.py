"""All pictures of a walk at one look: side by side, and one after another."""

import io
from collections.abc import Sequence
from math import ceil

import numpy as np
from PIL import Image

from worker.canvas.placement import contained
from worker.canvas.png import plain_png
from worker.engine.request import Picture

SIDE = 512
"""The longest side of a picture in the animation, in pixels."""

CELL = 256
"""The longest side of a picture in the strip."""

ROW = 8
"""Pictures beside each other, at most; more go on below."""

GAP = 8
"""Pixels between two pictures of the strip, and round them."""

QUALITY = 90
"""Of WebP: no difference to see, a tenth of what lossless takes."""

METHOD = 0
"""Of WebP: a quarter of the time that its default takes, for a few more bytes."""


def small(picture: Picture) -> Picture:
    """A picture as large as the animation shows it."""
    return _within(picture, SIDE)


def strip(frames: Sequence[Picture]) -> bytes:
    """A PNG with all pictures side by side, on white."""
    cells = [_within(each, CELL) for each in frames]
    height, width = cells[0].shape[:2]
    across = min(ROW, len(cells))
    down = ceil(len(cells) / across)
    size = GAP + down * (height + GAP), GAP + across * (width + GAP)
    sheet = np.full((*size, 3), 255, np.uint8)
    for index, cell in enumerate(cells):
        top = GAP + index // across * (height + GAP)
        left = GAP + index % across * (width + GAP)
        sheet[top : top + height, left : left + width] = cell
    return plain_png(sheet)


def animation(frames: Sequence[Picture], seconds: float) -> bytes:
    """An animated WebP that shows each picture so long, and begins again."""
    first, *others = [Image.fromarray(each) for each in frames]
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(seconds * 1000),
        loop=0,
        quality=QUALITY,
        method=METHOD,
    )
    return file.getvalue()


def _within(picture: Picture, side: int) -> Picture:
    size = picture.shape[1], picture.shape[0]
    if max(size) <= side:
        return picture
    inside = contained(size, (side, side))
    return np.array(Image.fromarray(picture).resize(inside.size, Image.Resampling.LANCZOS))
