"""Models that draw well at some sizes only: which one a picture is drawn at, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from jobs.request.fields.parts import Drawn
from jobs.request.model_card import ModelCard
from jobs.request.request import ResolvedRequest
from jobs.sentences import Sentence, say

Size = tuple[int, int]

SIZED = "/width"
"""The pointer of what is said of a size."""

LANCZOS = "lanczos"
"""What brings a picture to its size where there is no network for it."""


def sizes_of(card: ModelCard) -> list[Size]:
    """The sizes at which a model draws well; none where it is not bound to any."""
    return [(int(width), int(height)) for width, height in (s.split("x") for s in card.sizes)]


def drawn_at(card: ModelCard, size: Size) -> Drawn | None:
    """At which of a model's sizes a picture of `size` is drawn, and what brings it to that.

    None where the model can draw it as it is. The shape comes first, then the number of pixels.
    """
    sizes = sizes_of(card)
    if not sizes or size in sizes:
        return None

    def distance(other: Size) -> tuple[float, float]:
        shape = abs(log(size[0] / size[1]) - log(other[0] / other[1]))
        return round(shape, 2), abs(log(size[0] * size[1]) - log(other[0] * other[1]))

    width, height = min(sizes, key=distance)
    larger = size[0] > width or size[1] > height
    return Drawn(width=width, height=height, upscaler=best_upscaler(card) if larger else LANCZOS)


def best_upscaler(card: ModelCard) -> str:
    """The first network that enlarges for this model, else Lanczos."""
    return card.upscalers[0].name if card.upscalers and card.batched else LANCZOS


def notes_of(request: ResolvedRequest, sizes: Sequence[str], *, painting: bool) -> list[Sentence]:
    """What is done otherwise than asked, because the model draws well at `sizes` only: a sentence
    each. `painting` says whether what is enlarged was to be painted again."""
    said: list[Sentence] = []
    if sizes and request.drawn:
        said.append(
            say(
                "drawn-at",
                "{model} draws at {at}; this picture was brought to {finished}.",
                model=request.model,
                at=f"{request.drawn.width}x{request.drawn.height}",
                finished=_finished(request),
                upscaler=request.drawn.upscaler,
            )
        )
    scaled = request.hires or (request if request.kind == "upscale" else None)
    if sizes and painting and scaled and not scaled.strength and _finished(request) not in sizes:
        said.append(
            say(
                "only-enlarged",
                "Enlarged only, not painted again: {model} draws well at {sizes} alone.",
                model=request.model,
                sizes=", ".join(sizes),
            )
        )
    return said


def _finished(request: ResolvedRequest) -> str:
    scale = request.hires.scale if request.hires else 1.0
    return f"{round(request.width * scale)}x{round(request.height * scale)}"
