"""Which picture shows what a model or an add-on makes: an id of the image store for each."""

from __future__ import annotations

import io
import secrets
from typing import cast

from PIL import Image
from redis import Redis

from jobs.additions.found import Kind
from jobs.pictures.image_store import ImageStore, image_id

PREVIEWS = "darkroom:previews"
"""Hash: kind and name -> id of the picture."""


SIDE = 1024
"""Pixels of the longer side that is kept: as large as one is shown."""


def every(connection: Redis) -> dict[str, str]:
    """The pictures of all that have one, by `field`."""
    found = cast("dict[bytes, bytes]", connection.hgetall(PREVIEWS))
    return {name.decode(): image.decode() for name, image in found.items()}


def find(connection: Redis, kind: Kind, name: str) -> str | None:
    """The picture of one; None where it has none."""
    image = cast("bytes | None", connection.hget(PREVIEWS, field(kind, name)))
    return image.decode() if image else None


def keep(connection: Redis, store: ImageStore, kind: Kind, name: str, png: bytes) -> str:
    """Give one another picture, no larger than one is shown; returns its id.

    Raises OSError where the store is away.
    """
    image = image_id(secrets.token_hex(16), 0)
    store.put(image, _shrunk(png))
    before = find(connection, kind, name)
    connection.hset(PREVIEWS, field(kind, name), image)
    if before:
        store.delete(before)
    return image


def drop(connection: Redis, store: ImageStore, kind: Kind, name: str) -> str | None:
    """Let one have no picture any more; returns the id of the one that it had."""
    before = find(connection, kind, name)
    connection.hdel(PREVIEWS, field(kind, name))
    if before:
        store.delete(before)
    return before


def field(kind: Kind, name: str) -> str:
    """How one is named in the hash."""
    return f"{kind}/{name}"


def _shrunk(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as picture:
        if max(picture.size) <= SIDE:
            return png
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()
