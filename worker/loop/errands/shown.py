"""Pictures of what models make, as their sources show them: read, and decoded safely."""

from __future__ import annotations

import io

from PIL import Image

from jobs.pictures import sandbox
from jobs.pictures.pictures import BadPicture
from jobs.pictures.turns import Busy
from worker.models.adding.elsewhere.remote import Places, start_of
from worker.models.adding.plan import NotAddable

LARGEST = 16 * 2**20
"""Bytes of a source's picture that are read at most."""

SIDE = 320
"""Pixels of the longer side of one that is shown among others."""


def read_picture(url: str, places: Places) -> bytes:
    """The picture at a URL, as PNG. Raises NotAddable, BadPicture and Busy."""
    data, total, _ = start_of(url, places, LARGEST)
    if total is not None and total > LARGEST:
        raise BadPicture(f"must be at most {LARGEST} bytes; it has {total}")
    return sandbox.decode(data, "picture").png


def small(url: str, places: Places) -> bytes:
    """The same, as a small WebP. Raises NotAddable."""
    try:
        png = read_picture(url, places)
    except BadPicture as error:
        raise NotAddable(f"the picture {error}") from None
    except Busy:
        raise NotAddable("too many pictures are being read; ask again", away=True) from None
    with Image.open(io.BytesIO(png)) as picture:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.convert("RGB").save(out, "WEBP", quality=80)
    return out.getvalue()
