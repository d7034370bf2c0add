"""Plain shapes that stand for things, for tests of what is composed and measured."""

import numpy as np
import torch
from PIL import Image, ImageDraw

from models.recipe.data import Emoji, Pictures

SIZE = 128
SHAPES = {"ball": "ellipse", "box": "rectangle", "tower": "tall", "plank": "wide"}


def art(shape: str, colour: str = "red") -> np.ndarray:
    """A shape with a dark stripe, uint8 RGBA [128, 128, 4] on nothing."""
    picture = Image.new("RGBA", (SIZE, SIZE))
    pen = ImageDraw.Draw(picture)
    box = {"tower": (44, 10, 84, 118), "plank": (10, 44, 118, 84)}.get(shape, (14, 14, 114, 114))
    if shape == "ball":
        pen.ellipse(box, fill=colour)
    else:
        pen.rectangle(box, fill=colour)
    pen.line((box[0] + 20, 64, box[2] - 20, 64), fill="black", width=6)
    return np.asarray(picture)


def pictures() -> Pictures:
    """One picture of every shape in style 3d, and one of the ball in flat."""
    emoji = [Emoji(shape, (f"{shape}ish",), (), "objects", "3d", 3.0) for shape in SHAPES]
    emoji.append(Emoji("ball", (), (), "objects", "flat", 1.5))
    shown = [torch.from_numpy(art(one.label).copy()) for one in emoji]
    return Pictures(torch.stack(shown), emoji)
