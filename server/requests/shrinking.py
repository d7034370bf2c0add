"""Pictures as workers look at them: no larger than they see."""

from __future__ import annotations

import base64
import io

from PIL import Image


def shrunk(png: bytes, side: int) -> str:
    """A picture as base64 of a PNG of so many pixels a side at most."""
    image = Image.open(io.BytesIO(png))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()
