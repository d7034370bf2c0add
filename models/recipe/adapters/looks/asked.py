"""What the adapters are asked for when their figures are measured, and what they are shown."""

import random

import numpy as np
from PIL import Image

from ...data import Pictures, on_white
from ..settings import Preset
from ..shown.lines import by_hand, lines
from .by_hand import DRAWINGS
from .by_hand import by_hand as drawn_by_hand

PROMPTS = (
    "red apple",
    "cat face",
    "rocket",
    "house",
    "purple cat",
    "two red cats",
    "birthday cake",
    "guitar",
)
# What is shown as lines, and the words for it: some in a colour that it has not by itself.
ALONG = (
    ("cat face", "cat face"),
    ("rocket", "blue rocket"),
    ("house", "house"),
    ("red apple", "green apple"),
    ("guitar", "guitar"),
    ("tropical fish", "tropical fish"),
    ("dog face", "dog face"),
    ("sunflower", "sunflower"),
)
LIKE = (
    "red apple",
    "cat face",
    "rocket",
    "sunflower",
    "blue heart",
    "frog",
    "pizza",
    "sailboat",
)
ALIKE = (*LIKE, *DRAWINGS)
CHANGED = "in blue"  # what words beside a reference change
GROUND = (222, 214, 200)  # of the pictures that are to be like


def found(pictures: Pictures, style: str, labels: tuple[str, ...]) -> list[int]:
    """The pictures of these labels in a style; any of it for those that there are not."""
    own = {e.label: at for at, e in enumerate(pictures.emoji) if e.style == style}
    every = list(own.values())
    return [own.get(label, every[at % len(every)]) for at, label in enumerate(labels)]


def along(pictures: Pictures) -> tuple[list[str], list[np.ndarray]]:
    """Words, and the usual edges [S, S] of things that lie where training had none of them:
    mirrored, smaller and to a side. The last two as if drawn by hand."""
    things = found(pictures, "3d", tuple(label for label, _ in ALONG))
    rng = random.Random(1)
    drawn = []
    for number, at in enumerate(things):
        art = Image.fromarray(pictures.art[at].numpy(), "RGBA")
        size = art.width
        side = round(size * 0.8)
        canvas = Image.new("RGBA", art.size)
        corner = (round(size * 0.02), round(size * 0.17))
        mirrored = art.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        canvas.paste(mirrored.resize((side, side), Image.Resampling.LANCZOS), corner)
        edges = lines(np.asarray(canvas), Usual())
        drawn.append(edges if number < len(things) - 2 else by_hand(edges, rng))
    return [words for _, words in ALONG], drawn


class Usual(random.Random):
    """A choice that is always the usual one."""

    def random(self) -> float:
        """Less than any share."""
        return 0.0


def like(pictures: Pictures, preset: Preset) -> list[np.ndarray]:
    """Pictures to be like, uint8 [S, S, 3]: things as somebody else draws them, on no white, and
    then DRAWINGS."""
    style = next(s for s in reversed(preset.seen) if any(e.style == s for e in pictures.emoji))
    shown = []
    for at in found(pictures, style, LIKE):
        art = Image.fromarray(pictures.art[at].numpy(), "RGBA")
        ground = Image.new("RGBA", art.size, (*GROUND, 255))
        ground.alpha_composite(art)
        shown.append(np.asarray(ground.convert("RGB")))
    side = pictures.art.shape[1]
    return shown + [np.asarray(drawn_by_hand(label, side)) for label in DRAWINGS]


def true(pictures: Pictures) -> list[np.ndarray]:
    """What pictures like those are to show: the same things as the model draws them."""
    return [
        on_white(pictures.art[at]).permute(1, 2, 0).numpy() for at in found(pictures, "3d", ALIKE)
    ]
