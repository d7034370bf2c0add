"""Regions: prompts for parts of a picture, and what may be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from jobs.prompts.joined import joins
from jobs.request.fields.parts import Part
from jobs.request.fields.values import Picture, Prompt
from jobs.sentences import say

MAX_REGIONS = 8
"""Each is one more row of every forward."""

EDGE = 1.0001
"""Where a box may end at most: the picture's edge, and what thirds lose as decimals."""


JOINED_BESIDE = say(
    "joined-beside-regions", "AND joins prompts that have no place; leave it or the regions out"
)


class Box(Part):
    """A part of a picture, in shares of its width and height."""

    left: float = Field(default=0.0, ge=0, lt=1)
    top: float = Field(default=0.0, ge=0, lt=1)
    width: float = Field(default=1.0, gt=0, le=1)
    height: float = Field(default=1.0, gt=0, le=1)


class Region(Part):
    """A prompt for a part of the picture: a box, or the white of a mask."""

    prompt: Prompt = Field(description="What to draw there.")
    box: Box | None = Field(default=None, description="Where, in shares of width and height.")
    mask: Picture | None = Field(
        default=None, description="Where: as much as it is light. Sent like `image`."
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="How much it says there; the rest is left to the picture's own prompt.",
    )


def faults(
    regions: Sequence[Region], prompt: str, levels: Sequence[tuple[int, int] | None]
) -> Iterator[tuple[str, str]]:
    """What cannot be, each with the pointer of its field; `levels` are the darkest and the lightest
    of the masks."""
    if regions and joins(prompt):
        yield "/prompt", JOINED_BESIDE
    for index, region in enumerate(regions):
        where = f"/regions/{index}"
        if (region.box is None) == (region.mask is None):
            yield where, say("box-or-mask", "must have either a `box` or a `mask`")
        if not region.prompt.strip():
            yield f"{where}/prompt", say("region-empty", "must say what to draw there; it is empty")
        if joins(region.prompt):
            detail = "AND joins prompts that have no place; give each a region of its own"
            yield f"{where}/prompt", say("region-joined", detail)
        lightest = levels[index]
        if lightest is not None and not lightest[1]:
            yield f"{where}/mask", say("region-nowhere", "has nothing white, so it is no place")
        if box := region.box:
            ends = {"width": box.left + box.width, "height": box.top + box.height}
            for side, end in ends.items():
                if end > EDGE:
                    detail = "must end at the picture's edge, 1; by its {side} it ends at {end}"
                    yield f"{where}/box", say("region-beyond", detail, side=side, end=f"{end:g}")
