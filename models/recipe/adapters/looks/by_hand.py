"""Things drawn in a few shapes on paper, as a hand draws them: no training showed such."""

import math
from collections.abc import Mapping

from PIL import Image, ImageDraw

PAPER = (247, 243, 232)
FINE = 4  # drawn so many times as large, for smooth edges

# Each shape: what it is, its colour, and its corners (of an oval, its box) on a square of 32.
Shape = tuple[str, str, tuple[float, ...]]
RAYS = tuple(
    ("line", "orange", tuple(16 + far * turn for far in (7.5, 12.5) for turn in (x, y)))
    for x, y in ((math.cos(at * math.pi / 5), math.sin(at * math.pi / 5)) for at in range(10))
)

DRAWINGS: Mapping[str, tuple[Shape, ...]] = {
    "red apple": (
        ("oval", "firebrick", (6, 9, 25, 28)),
        ("line", "saddlebrown", (15.5, 10, 17, 4)),
        ("oval", "olivedrab", (17, 4, 24, 8)),
    ),
    "sailboat": (
        ("area", "saddlebrown", (5, 22, 27, 22, 23, 28, 9, 28)),
        ("area", "lavender", (15.5, 4, 15.5, 20, 6, 20)),
        ("area", "tomato", (17, 6, 17, 20, 25, 20)),
    ),
    "house": (
        ("area", "burlywood", (8, 14, 25, 14, 25, 27, 8, 27)),
        ("area", "indianred", (5, 15, 16.5, 5, 28, 15)),
        ("area", "sienna", (14, 19, 19, 19, 19, 27, 14, 27)),
        ("area", "lightskyblue", (9.5, 17, 13, 17, 13, 20.5, 9.5, 20.5)),
    ),
    "tropical fish": (
        ("oval", "cornflowerblue", (4, 10, 23, 24)),
        ("area", "royalblue", (21, 17, 29, 11, 29, 23)),
        ("oval", "white", (7, 14, 10, 17)),
        ("oval", "black", (8, 15, 9, 16)),
    ),
    "sun": (("oval", "gold", (10, 10, 22, 22)), *RAYS),
    "deciduous tree": (
        ("area", "sienna", (14, 17, 18, 17, 18, 29, 14, 29)),
        ("oval", "forestgreen", (6, 3, 26, 21)),
    ),
    "cat face": (
        ("area", "darkorange", (7, 12, 8.5, 3, 15, 9)),
        ("area", "darkorange", (25, 12, 23.5, 3, 17, 9)),
        ("oval", "darkorange", (7, 8, 25, 25)),
        ("oval", "black", (11, 14, 13.5, 17)),
        ("oval", "black", (18.5, 14, 21, 17)),
        ("area", "palevioletred", (15, 18.5, 17, 18.5, 16, 20)),
    ),
    "blue heart": (
        ("oval", "mediumblue", (6, 7, 16.8, 18)),
        ("oval", "mediumblue", (15.2, 7, 26, 18)),
        ("area", "mediumblue", (6.8, 14.6, 25.2, 14.6, 16, 27)),
    ),
}


def by_hand(label: str, side: int = 128) -> Image.Image:
    """One of the drawings."""
    picture = Image.new("RGB", (side * FINE,) * 2, PAPER)
    pen, unit = ImageDraw.Draw(picture), side * FINE / 32
    for kind, colour, numbers in DRAWINGS[label]:
        at = [number * unit for number in numbers]
        match kind:
            case "oval":
                pen.ellipse(at, colour)
            case "line":
                pen.line(at, colour, round(unit))
            case _:
                pen.polygon(at, colour)
    return picture.resize((side, side), Image.Resampling.LANCZOS)
