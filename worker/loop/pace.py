"""How long pictures take from their last pixel to the store, by their size, as measured."""

from __future__ import annotations

from collections import deque
from statistics import median

from jobs.records.workers import LARGE, Measured

RECENT = 9
"""Measurements of which the median counts."""


class Pace:
    """The last measurements: of pictures of up to LARGE pixels by the picture, of others by the
    pixel. One thread or several add, any may ask."""

    def __init__(self) -> None:
        self._small = deque[float](maxlen=RECENT)
        self._large = deque[float](maxlen=RECENT)

    def took(self, seconds: float, pixels: int) -> None:
        """A picture of so many pixels took so long."""
        if pixels > LARGE:
            self._large.append(seconds / pixels)
        else:
            self._small.append(seconds)

    def seconds(self, pixels: int) -> float | None:
        """What a picture of so many pixels should take; None where nothing says it."""
        each = self.each_pixel if pixels > LARGE else self.each
        return each and each * (pixels if pixels > LARGE else 1)

    @property
    def measured(self) -> Measured:
        """All of it, as it is advertised."""
        return Measured(each=self.each, each_pixel=self.each_pixel)

    @property
    def each(self) -> float | None:
        """What a picture of up to LARGE pixels should take."""
        return median(self._small.copy()) if self._small else None

    @property
    def each_pixel(self) -> float | None:
        """What each pixel of a larger one should take."""
        return median(self._large.copy()) if self._large else None
