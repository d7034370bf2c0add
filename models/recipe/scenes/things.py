"""Which emoji take part in scenes, and what people call them.

`names.json` lists some 330 things that people name, with English names beside the label, with
Vietnamese ones, and whether the thing is `common` and comes in `any_colour` (a car, no banana).
Entries marked `alone` only have their names here: they are drawn as they are, never composed.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..captions import clean
from ..data import Pictures
from .colours import COLOUR_WORDS, own_colour

NAMES = Path(__file__).with_name("names.json")
PAINTED_NAMES = {"red apple", "red heart"}  # may be painted though their name says a colour


@dataclass(frozen=True)
class Thing:
    """One picture of the data with the names that people may call it by."""

    index: int  # in the data
    label: str
    style: str
    names: tuple[str, ...]  # English, the label first
    vietnamese: tuple[str, ...]
    keywords: tuple[str, ...]
    weight: float
    group: str
    composed: bool  # takes part in scenes
    common: bool  # among those that people ask for most: takes part four times as often
    any_colour: bool  # is as likely in one colour as in another
    colour: str | None  # its own, where most of it has one

    @property
    def share(self) -> int:
        """How often it takes part in scenes."""
        return 4 if self.common else 1

    @property
    def paintable(self) -> bool:
        """Whether another colour would not contradict its name."""
        said = set(self.label.lower().split()) & COLOUR_WORDS
        return self.composed and (not said or self.label in PAINTED_NAMES)


@cache
def read_names() -> dict[str, dict]:
    """`names.json`: what is known of a thing, by its label."""
    return json.loads(NAMES.read_text())


def read_things(pictures: Pictures) -> list[Thing]:
    """A Thing for each picture, in their order."""
    known = read_names()
    return [
        Thing(
            index=index,
            label=clean(emoji.label),
            style=emoji.style,
            names=(clean(emoji.label), *known.get(emoji.label, {}).get("english", ())),
            vietnamese=tuple(
                known.get(emoji.label, {}).get("vietnamese", ())
                or [clean(words) for words in emoji.vietnamese[:1]]
            ),
            keywords=tuple(clean(tag) for tag in emoji.tags if clean(tag)),
            weight=emoji.weight,
            group=emoji.group,
            composed=emoji.label in known and not known[emoji.label].get("alone", False),
            common=known.get(emoji.label, {}).get("common", False),
            any_colour=known.get(emoji.label, {}).get("any_colour", False),
            colour=own_colour(np.asarray(pictures.art[index])),
        )
        for index, emoji in enumerate(pictures.emoji)
    ]


def without_colour(words: str) -> str:
    """ "red apple" as "apple": the name of what is painted in another colour."""
    kept = [word for word in words.split() if word.lower() not in COLOUR_WORDS]
    return " ".join(kept) or words
