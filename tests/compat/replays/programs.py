"""Programs that are replayed: each one's headers, and looks at the pictures that it gets."""

from __future__ import annotations

import base64
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image

from tests.compat.openai.client import SIDE, in_png, opened, photograph, shows_something

TINY: dict[str, Any] = {"width": SIDE, "height": SIDE, "steps": 3, "cfg_scale": 4.5}
"""What the model that ships makes in a second."""


@contextmanager
def program(address: str, headers: dict[str, str], token: str | None = None) -> Generator[Any]:
    """A program's connections, with its headers and, as the password of Basic, a token."""
    auth = ("me", token) if token else None
    with httpx.Client(base_url=address, headers=headers, auth=auth, timeout=120) as client:
        yield client


def picture_in(text: str) -> Image.Image:
    """A picture in bare base64, which shows something."""
    assert not text.startswith("data:")
    picture = opened(text)
    assert picture.size == (SIDE, SIDE)
    assert shows_something(picture)
    return picture


def drawn() -> bytes:
    """A PNG to start from."""
    return in_png(photograph())


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
