"""Masks of what words or points mean of a picture, for a job to repaint."""

from __future__ import annotations

import base64
import io
from typing import Literal

from flask import Response
from PIL import Image
from pydantic import BaseModel, Field

from jobs.additions.masks import PHRASES, SIDE, THRESHOLDS, MaskRequest
from jobs.request.model_card import AddOn, ModelCard
from jobs.sentences import say
from server.openapi import Routes, response
from server.requests.asking import ask, wrong
from server.requests.body import request_body
from server.requests.shrinking import shrunk
from server.requests.submission import known_models
from server.requests.uploads import picture_bytes
from server.resources import resources

routes = Routes("masks", "What of a picture is meant, found by words or by points.")

GoesBy = Literal["words", "points"]


class MaskView(BaseModel):
    """What of a picture is meant."""

    segmenter: str
    mask: str = Field(
        description="A PNG of the picture's size as a data URI, which a job takes as its `mask`: "
        "white where it is meant."
    )
    width: int
    height: int
    share: float = Field(
        description="How much of the picture it is, 0 to 1, by the threshold also where the mask "
        "is soft; 0 where nothing was found."
    )
    threshold: float = Field(description="How sure the segmenter had to be of a place.")


@routes.post("/masks", {200: MaskView}, (400, 408, 413, 415, 422, 503))
def find_mask(body: MaskRequest) -> Response:
    """Find what of a picture is meant

    By words, or by points on it, where the server's owner has a segmenter for that (`segmenters`
    of /models). The answer waits until a worker has looked at the picture, which the first time
    takes as long as its model takes to load.
    """
    by = _goes_by(body)
    card, segmenter = _segmenter(body.segmenter, by)
    parts, store = request_body().parts, resources().store
    png = picture_bytes("/image", body.image, parts, store)
    asked = {
        "segmenter": segmenter.name,
        "words": body.phrases if by == "words" else None,
        "points": [each.model_dump() for each in body.points or ()],
    }
    said = ask(card.name, "segment", asked, {"picture": shrunk(png, SIDE)})
    size = Image.open(io.BytesIO(png)).size
    threshold = THRESHOLDS[by] if body.threshold is None else body.threshold
    sure = _greys(said["picture"]).resize(size, Image.Resampling.BICUBIC)
    white = sure.point([255 if level >= threshold * 255 else 0 for level in range(256)])
    view = MaskView(
        segmenter=segmenter.name,
        mask=_uri(sure if body.soft else white),
        width=size[0],
        height=size[1],
        share=round(white.histogram()[255] / (size[0] * size[1]), 4),
        threshold=threshold,
    )
    return response(view, 200)


def _goes_by(body: MaskRequest) -> GoesBy:
    """Whether words or points were sent. Raises InvalidRequest."""
    if (body.words is None) == (body.points is None):
        raise wrong("", say("words-or-points", "must have either `words` or `points`"))
    if body.words is not None:
        if not body.phrases:
            raise wrong("words", say("no-words", "must say what is meant; it is empty"))
        if (count := len(body.phrases)) > PHRASES:
            detail = "must name at most {most} things; it names {count}"
            raise wrong("words", say("many-things", detail, most=PHRASES, count=count))
        return "words"
    if not any(each.positive for each in body.points or ()):
        raise wrong("points", say("no-positive-point", "must have one that is positive"))
    return "points"


def _segmenter(named: str | None, by: GoesBy) -> tuple[ModelCard, AddOn]:
    """The segmenter to ask, and a model whose workers have it. Raises InvalidRequest."""
    there = [(card, each) for card in known_models() for each in card.segmenters]
    fitting = [(card, each) for card, each in there if each.task == by]
    if named is None:
        if not fitting:
            detail = "no segmenter that goes by {by} is on offer here; models.toml names them"
            raise wrong(by, say("no-segmenter", detail, by=by))
        return fitting[0]
    found = [(card, each) for card, each in there if each.name == named]
    if not found:
        names = ", ".join(dict.fromkeys(each.name for _, each in there)) or "none"
        detail = "no segmenter is named {name}; there are {names}"
        raise wrong("segmenter", say("unknown-segmenter", detail, name=repr(named), names=names))
    if found[0][1].task != by:
        detail = "{name} goes by {task}, not by {by}"
        task = found[0][1].task
        raise wrong("segmenter", say("goes-by-other", detail, name=named, task=task, by=by))
    return found[0]


def _greys(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L")


def _uri(mask: Image.Image) -> str:
    file = io.BytesIO()
    mask.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
