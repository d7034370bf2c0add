"""The page that a link to one picture opens in a browser: the picture as its screen wants it."""

from __future__ import annotations

from io import BytesIO

from flask import render_template
from PIL import Image

from jobs.settings import settings

WIDTHS = (512, 1024, 1536, 2048)
"""Pixels across that the page offers; a browser takes the smallest that fills its screen."""

PREVIEW = 1024
"""Pixels across of what a messenger shows beside the link."""

SMALL = 512
"""Pixels below which a picture is shown twice as large as it is."""


def linked_page(base: str, path: str, png: bytes) -> str:
    """The page's HTML. `base` is where the server is reached, without a slash at the end; `path`
    the link's, with its query; of the picture the header alone is read."""
    with Image.open(BytesIO(png)) as picture:
        width, height = picture.size
    most = settings().max_size
    widths = [each for each in WIDTHS if each < width and each <= most]
    sources = [(f"{path}&format=webp&width={each}", each) for each in widths]
    times = 2 if max(width, height) < SMALL else 1
    return render_template(
        "linked.html",
        preview=f"{base}{path}&format=jpeg&width={min(PREVIEW, width, most)}",
        sources=[*sources, (f"{path}&format=webp", width)],
        file=f"{path}&format=png&download=true",
        width=width,
        height=height,
        times=times,
        megabytes=f"{max(len(png) / 1e6, 0.1):.1f}",
    )
