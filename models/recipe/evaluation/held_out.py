"""What the evaluation asks for: combinations and sentences that no training saw.

`scenes.scene.held_out` keeps them from the training, so that a model cannot have learnt any of
them by heart. All are of the things that people ask for most.
"""

import random
from dataclasses import dataclass

from .. import captions
from ..scenes.colours import COLOURS
from ..scenes.scene import NUMBERS, Scene, held_out
from ..scenes.things import Thing, without_colour
from ..scenes.wording import HELD_OUT_FRAMES, slip, without_marks

# White is what the background is, and grey is the outline and shade of many things.
MEASURED_COLOURS = tuple(colour for colour in COLOURS if colour not in ("white", "grey"))
WORDS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class Question:
    """A prompt, and the scene that answers it."""

    prompt: str
    scene: Scene
    things: tuple[Thing, ...]


def colours(common: list[Thing], count: int, rng: random.Random) -> list[Question]:
    """ "blue rocket": things in colours that they were never seen in."""
    every = [
        (thing, colour)
        for thing in common
        for colour in MEASURED_COLOURS
        if thing.paintable and colour != thing.colour and held_out("colour", thing.label, colour)
    ]
    return [
        Question(
            f"{colour} {without_colour(thing.label)}",
            Scene("colour", ((thing.index, colour),)),
            (thing,),
        )
        for thing, colour in rng.sample(every, min(count, len(every)))
    ]


def numbers(common: list[Thing], count: int, rng: random.Random) -> list[Question]:
    """ "three rockets": as many as the thing was never seen in."""
    every = [
        (thing, number)
        for thing in common
        for number in NUMBERS
        if held_out("number", thing.label, str(number))
    ]
    return [
        Question(
            f"{WORDS[number]} {captions.plural(thing.label)}",
            Scene("number", ((thing.index, None),), number=number),
            (thing,),
        )
        for thing, number in rng.sample(every, min(count, len(every)))
    ]


def pairs(common: list[Thing], count: int, rng: random.Random) -> list[Question]:
    """ "a cat and a rocket": two things that were never seen together."""
    found: list[Question] = []
    tries = 0
    while len(found) < count and tries < 200 * count and len(common) > 1:
        tries += 1
        first, second = rng.sample(common, 2)
        if held_out("pair", first.label, second.label):
            scene = Scene("pair", ((first.index, None), (second.index, None)), "beside")
            words = f"{article(first.label)} and {article(second.label)}"
            found.append(Question(words, scene, (first, second)))
    return found


def singles(common: list[Thing], count: int, rng: random.Random) -> list[Question]:
    """ "rocket": things by their names, which training knows; what the next three compare with."""
    return [
        Question(thing.label, Scene("single", ((thing.index, None),)), (thing,))
        for thing in rng.sample(common, min(count, len(common)))
    ]


def sentences(plain: list[Question], rng: random.Random) -> list[Question]:
    """The same things, asked for in sentences that were never drawn."""
    return [
        reworded(one, rng.choice(HELD_OUT_FRAMES).format(a=article(one.prompt))) for one in plain
    ]


def typos(plain: list[Question], rng: random.Random) -> list[Question]:
    """The same things with a slip of the finger in the longest word."""
    asked = []
    for one in plain:
        words = one.prompt.split()
        longest = max(range(len(words)), key=lambda at: len(words[at]))
        if len(words[longest]) >= 4:
            words[longest] = slip(words[longest], rng)
            asked.append(reworded(one, " ".join(words)))
    return asked


def vietnamese(plain: list[Question], rng: random.Random) -> list[Question]:
    """The same things by a Vietnamese name, half of them without its marks."""
    named = [
        (one, rng.choice(one.things[0].vietnamese)) for one in plain if one.things[0].vietnamese
    ]
    return [
        reworded(one, without_marks(name) if at % 2 else name)
        for at, (one, name) in enumerate(named)
    ]


def reworded(one: Question, prompt: str) -> Question:
    """Another prompt for the same answer."""
    return Question(prompt, one.scene, one.things)


def article(words: str) -> str:
    """With the indefinite article."""
    return ("an " if words[:1].lower() in "aeiou" else "a ") + words
