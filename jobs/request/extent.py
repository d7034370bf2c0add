"""How much a job has to read and how large what comes of it is, beside what is drawn for it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from jobs.request.pictures import Pictures
from jobs.request.request import ResolvedRequest


class Extent(BaseModel):
    """Pixels of all pictures that a job starts from, the size of each that it makes, and what
    enlarges it where nothing is drawn."""

    model_config = ConfigDict(frozen=True)

    given: int = 0
    width: int
    height: int
    upscaler: str | None = None

    @property
    def pixels(self) -> int:
        """Pixels of each finished picture."""
        return self.width * self.height

    @classmethod
    def of(cls, request: ResolvedRequest, pictures: Pictures) -> Self:
        """That of a request which starts from these pictures."""
        source = pictures.get("/image")
        width, height = request.width, request.height
        if request.hires is not None:
            scale = request.hires.scale
            width, height = round(width * scale), round(height * scale)
        elif request.kind == "inpaint" and request.inpaint_area == "masked" and source is not None:
            # What is drawn of a part goes back into all of the picture.
            width, height = source.width, source.height
        return cls(
            given=sum(each.width * each.height for each in pictures.values()),
            width=width,
            height=height,
            upscaler=request.upscaler if only_enlarges(request) else None,
        )


def only_enlarges(request: ResolvedRequest) -> bool:
    """Whether a picture gets larger and nothing in it is drawn."""
    return request.kind == "upscale" and not request.strength and request.upscaler != "latent"
