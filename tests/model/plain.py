"""Plain pictures to train on, in the file that the recipe prepares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from models.recipe import data


def prepare(path: Path, styles: Sequence[str]) -> Path:
    """Write eight pictures of each style: hearts and things of two colours."""
    pictures, emoji = [], []
    for style in styles:
        for colour in ("red", "blue"):
            for thing, group in (
                ("heart", "smileys"),
                ("hat", "objects"),
                ("fish", "animals"),
                ("car", "travel"),
            ):
                picture = Image.new("RGB", (32, 32), "white")
                picture.paste(colour, (8, 8, 16 + len(thing), 24))
                file = path.with_suffix(".webp")
                picture.save(file, lossless=True)
                pictures.append(file.read_bytes())
                emoji.append(data.Emoji(f"{colour} {thing}", (thing,), (), group, style, 3.0))
    data.write(path, pictures, emoji)
    return path
