"""What a composed picture shows, and who thinks it up."""

import hashlib
import random
from dataclasses import dataclass

from .colours import COLOURS, SHARES
from .things import Thing

KINDS = ("single", "colour", "pair", "number")
NUMBERS = (2, 3, 4)
SCALES = (1.0, 0.75, 0.75, 0.75, 0.75, 0.5)  # of a single thing, where scenes are not free
TRIES = 100  # scenes thought up before it is clear that none of a kind can be had
HELD_OUT = 0.1  # share of the combinations that no training sees, so that they can be asked for


@dataclass(frozen=True)
class Scene:
    """One thing, two beside or above each other, or `number` copies of one.

    `parts` names the things by their index in the data, each with a colour word where it is
    painted. `scale` is the side of a single thing as a share of the canvas.
    """

    kind: str
    parts: tuple[tuple[int, str | None], ...]
    relation: str = ""  # "beside" or "above" for a pair
    number: int = 1
    scale: float = 1.0
    style: str = "3d"


def held_out(kind: str, *words: str) -> bool:
    """Whether a combination is kept from training: the same ten per cent in every run.

    `held_out("colour", "rocket", "blue")`, `held_out("number", "rocket", "2")`,
    `held_out("pair", "cat", "dog")`: the order of a pair does not matter.
    """
    text = "|".join((kind, *(sorted(words) if kind == "pair" else words)))
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT


class Director:
    """Thinks up scenes that are not held out.

    `free` scenes come at any scale from 0.7, at any place and in every style; the others keep to a
    few sizes and places and to 3d, which is what a short training can learn.
    """

    def __init__(self, things: list[Thing], free: bool):
        self.things = things
        self.free = free
        self.composed = [t for t in things if t.composed and t.style == "3d"]
        painted = things if free else self.composed
        self.paintable = [t for t in painted if t.paintable]

    def scene(self, kind: str, rng: random.Random) -> Scene | None:
        """A scene of this kind; None where there are too few things for one."""
        think = {
            "single": self._single,
            "colour": self._colour,
            "pair": self._pair,
            "number": self._number,
        }[kind]
        if not (self.paintable if kind == "colour" else self.composed):
            return None
        tries = (think(rng) for _ in range(TRIES))
        return next((scene for scene in tries if scene is not None), None)

    def _single(self, rng: random.Random) -> Scene:
        (thing,) = self._cast(self.composed, rng)
        scale = rng.uniform(0.7, 1.0) if self.free else rng.choice(SCALES)
        return Scene("single", ((thing.index, None),), scale=scale, style=thing.style)

    def _colour(self, rng: random.Random) -> Scene | None:
        (thing,) = self._cast(self.paintable, rng)
        colour = self.paint(thing, rng)
        if not colour:
            return None
        scale = 1.0
        if rng.random() < (0.65 if self.free else 0.35):
            scale = rng.uniform(0.7, 1.0) if self.free else 0.75
        return Scene("colour", ((thing.index, colour),), scale=scale, style=thing.style)

    def _pair(self, rng: random.Random) -> Scene | None:
        first, second = self._cast(self.composed, rng, 2)
        if first is second or held_out("pair", first.label, second.label):
            return None
        colours: list[str | None] = [None, None]
        if rng.random() < 0.3:
            colours = [self.paint(first, rng), rng.choice((None, self.paint(second, rng)))]
        relation = "beside" if rng.random() < 0.7 else "above"
        parts = tuple(zip((first.index, second.index), colours, strict=True))
        return Scene("pair", parts, relation, style=first.style)

    def _number(self, rng: random.Random) -> Scene | None:
        (thing,) = self._cast(self.composed, rng)
        number = rng.choice(NUMBERS)
        if held_out("number", thing.label, str(number)):
            return None
        colour = self.paint(thing, rng) if rng.random() < 0.2 else None
        return Scene("number", ((thing.index, colour),), number=number, style=thing.style)

    def _cast(self, things: list[Thing], rng: random.Random, number: int = 1) -> list[Thing]:
        """Things to take part; 3d ones, the style of a prompt without one, three times as often."""
        often = [thing.share * (3 if thing.style == "3d" else 1) for thing in things]
        return rng.choices(things, often, k=number)

    def paint(self, thing: Thing, rng: random.Random) -> str | None:
        """A colour word that is not the thing's own; None where there is none to be had."""
        colour = rng.choices(list(COLOURS), SHARES)[0]
        if not thing.paintable or colour == thing.colour:
            return None
        return None if held_out("colour", thing.label, colour) else colour
