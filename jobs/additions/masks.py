"""What may be asked of a segmenter: which part of a picture words or points mean."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.request.fields.values import Picture

SIDE = 1024
"""Pixels a side that a picture is made to fit into before it is looked at: SAM sees no more."""

THRESHOLDS: dict[Literal["words", "points"], float] = {"words": 0.4, "points": 0.5}
"""How sure a segmenter must be of a place unless the caller says: CLIPSeg's makers take 0.4 or so
of what words mean, and SAM decides at a half."""

PHRASES = 8
"""Phrases of one request: each is another look at the picture."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Point(_Part):
    """A place on the picture."""

    x: float = Field(ge=0, le=1, description="How far across, as a share of the width.")
    y: float = Field(ge=0, le=1, description="How far down, as a share of the height.")
    positive: bool = Field(
        default=True, description="Whether what stands there is meant; false for what is not."
    )


class MaskRequest(_Part):
    """A picture, and what of it is meant."""

    image: Picture = Field(description="The picture, sent like that of a job.")
    words: str | None = Field(
        default=None,
        max_length=300,
        description="What is meant, in a word or two; commas are between several things.",
    )
    points: list[Point] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        description="Where what is meant stands, and what stands beside it and is not meant.",
    )
    segmenter: str | None = Field(
        default=None,
        max_length=200,
        description="One of the `segmenters` of /models; without it the first that goes by words "
        "or by points, whichever is sent.",
    )
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How sure the segmenter must be of a place; 0.4 for words and 0.5 for points "
        "if left out.",
    )
    soft: bool = Field(
        default=False,
        description="Have how sure it is of each place as greys, instead of white and black.",
    )

    @property
    def phrases(self) -> list[str]:
        """What the words say, each thing by itself."""
        return [each.strip() for each in (self.words or "").split(",") if each.strip()]
