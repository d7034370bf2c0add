"""What the tests of OpenAI's API share: its real client, and looks at what it got."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from openai import OpenAI
from openai.types import ImagesResponse
from PIL import Image
from redis import Redis

from jobs.lists.listing import list_jobs
from jobs.records.record import JobRecord
from tests.running.site import SIDE

QUICK: dict[str, Any] = {"steps": 3, "seed": 7}
"""Few steps, and the same picture each time."""


def connect(address: str, key: str = "any", **options: Any) -> OpenAI:
    """The client that everybody has, which does not try again unless told to."""
    return OpenAI(base_url=f"{address}/v1", api_key=key, **{"max_retries": 0} | options)


def jobs(redis: Redis) -> list[JobRecord]:
    """Everybody's jobs, the newest first."""
    return list_jobs(redis, None, limit=50, before=None, status=None)[0]


def opened(data: str | bytes) -> Image.Image:
    """A picture, from its bytes or in base64."""
    raw = base64.b64decode(data, validate=True) if isinstance(data, str) else data
    picture = Image.open(io.BytesIO(raw))
    picture.load()
    return picture


def pictures(response: ImagesResponse) -> list[Image.Image]:
    """The pictures of an answer that came in base64."""
    return [opened(image.b64_json or "") for image in response.data or []]


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def shows_something(picture: Image.Image) -> bool:
    """Whether it is no plain area of one colour."""
    return bool(pixels(picture).std() > 10)


def same(one: Image.Image, other: Image.Image, within: int = 3) -> bool:
    """Whether two pictures are equal within what other rows in the forward may change."""
    a, b = pixels(one), pixels(other)
    return a.shape == b.shape and bool(np.abs(a - b).max() <= within)


def in_png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def photograph() -> Image.Image:
    """Something to start from, with an edge and a gradient in it."""
    ramp = np.linspace(40, 220, SIDE).astype(np.uint8)
    grey = np.broadcast_to(ramp, (SIDE, SIDE))
    colours = np.stack([grey, grey.T, np.full_like(grey, 90)], axis=-1).copy()
    inside = slice(SIDE // 4, 3 * SIDE // 4)
    colours[inside, inside] = (200, 30, 30)
    return Image.fromarray(colours)


def mask(left: int, top: int, right: int, bottom: int) -> bytes:
    """A mask as OpenAI has it: transparent in a rectangle, where to repaint."""
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[top:bottom, left:right] = 0
    picture = photograph().convert("RGBA")
    picture.putalpha(Image.fromarray(alpha))
    return in_png(picture)
