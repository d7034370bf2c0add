"""The many ways to ask for a scene, in English and Vietnamese.

Every caption is drawn from what the scene holds, so it never says what the picture does not show.
Some sentences are never drawn (`HELD_OUT_FRAMES`): the evaluation asks with them.
"""

import random
import re
import unicodedata

from .. import captions
from .scene import Scene
from .things import Thing, without_colour

FRAMES = (
    "{a}", "a photo of {a}", "a picture of {a}", "draw {a}", "draw me {a} please",
    "please draw {a}", "I want {a}", "can you draw {a}", "show me {a}", "an image of {a}",
    "a drawing of {a}", "{a} on a white background", "{x} emoji", "{x} icon", "cute {x}",
    "beautiful {x}", "my {x}", "{a} please", "a nice picture of {a}", "{a}, high quality",
    "an illustration of {a}", "make {a}", "the {x}",
)  # fmt: skip
PLACES = (
    "{a} sitting", "{a} standing", "{a} in the garden", "{a} in the sun", "{a} at home",
    "a photo of {a} sitting on a sofa", "{a} on the grass", "{a} in the city",
)  # fmt: skip
HELD_OUT_FRAMES = (
    "could you please paint {a} for me", "I would love to see {a}", "{a} for my daughter",
    "give me a drawing that shows {a}", "{a} that I saw yesterday",
)  # fmt: skip
VIETNAMESE_FRAMES = (
    "{x}", "{x}", "{x}", "một {x}", "vẽ {x}", "hãy vẽ {x}", "vẽ cho tôi {x}", "hình {x}",
    "ảnh {x}", "bức tranh {x}", "{x} dễ thương", "{x} đẹp", "hình ảnh {x}", "tôi muốn {x}",
)  # fmt: skip
NUMBERS = {2: ("two", "2", "two", "a pair of"), 3: ("three", "3"), 4: ("four", "4")}
VIETNAMESE_NUMBERS = {2: ("hai", "2"), 3: ("ba", "3"), 4: ("bốn", "4")}
VIETNAMESE_COLOURS = {
    "red": ("đỏ",),
    "orange": ("cam",),
    "yellow": ("vàng",),
    "green": ("xanh lá", "xanh lá cây", "xanh lục"),
    "blue": ("xanh dương", "xanh", "xanh lam"),
    "purple": ("tím",),
    "pink": ("hồng",),
    "brown": ("nâu",),
    "black": ("đen",),
    "white": ("trắng",),
    "grey": ("xám",),
}
BESIDE = (*("{0} and {1}",) * 6, "{0} with {1}", "{0} next to {1}", "{0} beside {1}",
          "{0}, {1}", "{0} & {1}", "{0} left of {1}", "{1} right of {0}")  # fmt: skip
ABOVE = ("{0} above {1}", "{0} above {1}", "{0} over {1}", "{0} on top of {1}",
         "{1} below {0}", "{1} under {0}")  # fmt: skip
VIETNAMESE_BESIDE = ("{0} và {1}", "{0} và {1}", "{0} cạnh {1}", "{0} với {1}")
VIETNAMESE_ABOVE = ("{0} trên {1}", "{0} ở trên {1}", "{1} dưới {0}")
SMALL = ("small ", "tiny ", "little ")
SYLLABLES = re.findall("..", "blazoqutafemoriduxogawilonetukafizeolvaji")

NONSENSE_SHARE = 0.015
UNSAID_COLOUR = 0.2  # how often a painted thing that comes in any colour does not say which
SLIP = 0.04  # of the longer words are mistyped


def caption(scene: Scene, things: list[Thing], rng: random.Random, vietnamese: float) -> str:
    """One way to ask for a scene; empty one time in ten, Vietnamese with this probability."""
    draw = rng.random()
    if draw < captions.EMPTY_SHARE:
        return ""
    if draw < captions.EMPTY_SHARE + NONSENSE_SHARE:  # words without a meaning get none
        return " ".join(nonsense(rng) for _ in range(rng.randint(1, 3)))
    members = [(things[index], colour) for index, colour in scene.parts]
    if rng.random() < vietnamese and all(thing.vietnamese for thing, _ in members):
        words = in_vietnamese(scene, members, rng)
        words = words if rng.random() < 0.5 else without_marks(words)
    elif scene.number > 1:
        words = number_words(scene, members[0], rng)
    elif scene.relation:
        words = pair_words(scene, members, rng)
    else:
        words = single_words(scene, members[0], rng)
    styled = captions.with_style(mistyped(words, rng), scene.style, rng, unsaid=0.75)
    return captions.case(styled, rng)


def phrase(member: tuple[Thing, str | None], rng: random.Random) -> str:
    """A thing and its colour in English, without an article."""
    thing, colour = member
    name = thing.names[0] if rng.random() < 0.6 else rng.choice(thing.names)
    if colour is None:
        return name
    bare = without_colour(name)
    word = "gray" if colour == "grey" and rng.random() < 0.3 else colour
    return f"{word} {bare}" if rng.random() < 0.95 else f"{bare} in {word}"


def an(words: str, rng: random.Random) -> str:
    """With its article, mostly."""
    if rng.random() < 0.35:
        return words
    return ("an " if words[:1].lower() in "aeiou" else "a ") + words


def single_words(scene: Scene, member: tuple[Thing, str | None], rng: random.Random) -> str:
    """One thing: small where it is, its colour said where it is not its own."""
    thing, colour = member
    if scene.style == "3d" and thing.any_colour and colour and rng.random() < UNSAID_COLOUR:
        colour = None
    elif colour is None and thing.colour and rng.random() < 0.12:
        colour = thing.colour
    words = phrase((thing, colour), rng)
    draw = rng.random()
    if scene.scale < 0.6 and draw < 0.7:
        return an(rng.choice(SMALL) + words, rng)
    if colour is None and draw < 0.15 and thing.keywords:
        parts = [words, *rng.sample(thing.keywords, min(len(thing.keywords), rng.randint(1, 2)))]
        rng.shuffle(parts)
        return rng.choice((", ", " ")).join(parts)
    if draw < 0.19:
        return f"{words} {nonsense(rng)}"
    if draw < 0.55:
        return words
    if draw < 0.60 and " in " not in words:
        return captions.plural(words)
    frames = PLACES if draw > 0.92 else FRAMES
    return rng.choice(frames).format(a=an(words, rng), x=words)


def pair_words(scene: Scene, members: list[tuple[Thing, str | None]], rng: random.Random) -> str:
    """Two things, the first on the left or above."""
    named = [an(phrase(member, rng), rng) for member in members]
    words = rng.choice(ABOVE if scene.relation == "above" else BESIDE).format(*named)
    return rng.choice(FRAMES).format(a=words, x=words) if rng.random() < 0.2 else words


def number_words(scene: Scene, member: tuple[Thing, str | None], rng: random.Random) -> str:
    """A number, as a word or a figure, and the thing."""
    words = phrase(member, rng)
    many = captions.plural(words) if rng.random() < 0.9 and " in " not in words else words
    words = f"{rng.choice(NUMBERS[scene.number])} {many}"
    return rng.choice(FRAMES).format(a=words, x=words) if rng.random() < 0.25 else words


def in_vietnamese(scene: Scene, members: list[tuple[Thing, str | None]], rng: random.Random) -> str:
    """The scene in Vietnamese, with its tone marks."""
    named = [vietnamese_phrase(member, rng) for member in members]
    if scene.number > 1:
        words = f"{rng.choice(VIETNAMESE_NUMBERS[scene.number])} {named[0]}"
    elif scene.relation:
        forms = VIETNAMESE_ABOVE if scene.relation == "above" else VIETNAMESE_BESIDE
        words = rng.choice(forms).format(*named)
    else:
        words = named[0]
    return rng.choice(VIETNAMESE_FRAMES).format(x=words)


def vietnamese_phrase(member: tuple[Thing, str | None], rng: random.Random) -> str:
    """A thing and its colour, which comes after it."""
    thing, colour = member
    words = rng.choice(thing.vietnamese)
    if colour is None:
        return words
    every = sorted((c for cs in VIETNAMESE_COLOURS.values() for c in cs), key=len, reverse=True)
    bare = re.sub(rf"\s+(màu )?({'|'.join(every)})$", "", words)
    return bare + rng.choice((" ", " ", " màu ")) + rng.choice(VIETNAMESE_COLOURS[colour])


def without_marks(words: str) -> str:
    """Vietnamese as it is typed without its marks: "quả táo đỏ" as "qua tao do"."""
    flat = unicodedata.normalize("NFD", words.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in flat if not unicodedata.combining(c))


def nonsense(rng: random.Random) -> str:
    """A word that means nothing."""
    return "".join(rng.sample(SYLLABLES, rng.randint(2, 3)))


def mistyped(words: str, rng: random.Random) -> str:
    """Some of the longer words with a letter lost, doubled, swapped or wrong."""
    return " ".join(
        slip(word, rng) if len(word) >= 4 and rng.random() < SLIP else word
        for word in words.split(" ")
    )


def slip(word: str, rng: random.Random) -> str:
    """A word of four letters or more with one slip of the finger, never at its ends."""
    at = rng.randrange(1, len(word) - 2)
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + other + word[at + 1 :],
        )
    )
