"""What nodes do to a loaded picture before the job has it: channels, masks, their edges.

The bytes are PNGs that were decoded before: no stranger's. As large as they may be, each waits for
its turn; Busy is raised where it would wait long.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter

from server.compat.pictures import TURNS


@dataclass(frozen=True)
class Loaded:
    """A picture that was sent or made before: a PNG, with its transparency, and its size."""

    png: bytes
    width: int
    height: int


def colours(picture: Loaded) -> bytes:
    """The picture without its transparency; what was transparent has the colour under it."""
    with TURNS.take(object()), _opened(picture) as image:
        return picture.png if image.mode == "RGB" else _png(image.convert("RGB"))


def mask_of(picture: Loaded, channel: str = "alpha") -> bytes | None:
    """A channel as a mask, white where to repaint; of `alpha` what is transparent is white.

    None where nothing of it is.
    """
    with TURNS.take(object()), _opened(picture) as image:
        if channel == "alpha":
            if "A" not in image.getbands():
                return None
            mask = ImageChops.invert(image.getchannel("A"))
        else:
            mask = image.convert("RGB").getchannel(channel[0].upper())
        return _png(mask) if mask.getbbox() else None


def grown(mask: bytes, pixels: int) -> bytes:
    """The mask with its white spread by half of some pixels in each direction, as ComfyUI does."""
    size = pixels // 2 * 2 + 1
    if size < 3:
        return mask
    with TURNS.take(object()), Image.open(io.BytesIO(mask), formats=["PNG"]) as image:
        return _png(image.filter(ImageFilter.MaxFilter(size)))


def with_alpha_of(picture: Loaded, mask: Loaded) -> bytes:
    """A picture, transparent where another one is. Raises ValueError where their sizes differ."""
    if (picture.width, picture.height) != (mask.width, mask.height):
        sizes = f"{mask.width}x{mask.height} and not {picture.width}x{picture.height}"
        raise ValueError(f"must be as large as the picture that it is for; it is {sizes}")
    with TURNS.take(object()), _opened(picture) as image, _opened(mask) as other:
        alpha = other.convert("RGBA").getchannel("A")
        whole = image.convert("RGB")
        whole.putalpha(alpha)
        return _png(whole)


def _opened(picture: Loaded) -> Image.Image:
    image = Image.open(io.BytesIO(picture.png), formats=["PNG"])
    image.load()
    return image


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.info = {}
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
