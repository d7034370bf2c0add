"""At what sizes pictures to edit are shown."""

from math import sqrt

AREA = 1024 * 1024
"""Pixels at which a picture is shown to the transformer."""

SIDES = 32
"""Shown pictures have sides of multiples of so many pixels."""


def shaped(area: int, width: int, height: int) -> tuple[int, int]:
    """Width and height of about `area` pixels with the shape of a picture."""
    shape = width / height
    across = sqrt(area * shape)
    sides = (max(SIDES, round(side / SIDES) * SIDES) for side in (across, across / shape))
    width, height = sides
    return width, height
