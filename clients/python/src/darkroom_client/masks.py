"""Masks of what words or points mean of a picture: what is sent for one, and what is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, Unpack

import httpx

from darkroom_client import calls
from darkroom_client.calls import Call
from darkroom_client.fields import PictureInput
from darkroom_client.records import Json


class Point(TypedDict):
    """A place in shares of the picture's width and height, which is meant or, where `positive` is
    false, is not."""

    x: float
    y: float
    positive: NotRequired[bool]


class Meant(TypedDict, total=False):
    """What is meant, by words or by points, and how it is found."""

    words: str
    points: Sequence[Point]
    segmenter: str
    threshold: float
    soft: bool


@dataclass(frozen=True)
class Mask:
    """What of a picture is meant: `png` is white there, and a job takes it as its `mask`."""

    segmenter: str
    png: bytes
    width: int
    height: int
    share: float
    """How much of the picture it is, 0 to 1; 0 where nothing was found."""
    threshold: float


def find(image: PictureInput, **meant: Unpack[Meant]) -> Call:
    """Find what is meant. Reads the picture's file."""
    known, request = calls.named(image), Json(meant)
    if known is not None:
        return Call("POST", "/masks", {"json": {**request, "image": known}})
    files = {"image": ("image", calls.read(image))}
    return Call("POST", "/masks", {"data": {"request": json.dumps(request)}, "files": files})


def read(response: httpx.Response) -> Mask:
    """The mask that an answer has."""
    said: Json = response.json()
    png = base64.b64decode(said["mask"].partition(",")[2])
    known = ("segmenter", "width", "height", "share", "threshold")
    return Mask(png=png, **{name: said[name] for name in known})
