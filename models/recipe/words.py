"""The table of words: how to read what training was too short to teach.

Written beside the weights as `words.json`, and read by `jobs.request.words` when a prompt comes:
Vietnamese names become the English ones that the model learnt, and a mistyped word becomes the
known word next to it. Made from the words of the data, so that it cannot promise what the model
never saw.
"""

import json
from pathlib import Path

from . import captions
from .data import Emoji
from .scenes.colours import COLOUR_WORDS
from .scenes.things import read_names
from .scenes.wording import (
    ABOVE,
    BESIDE,
    FRAMES,
    HELD_OUT_FRAMES,
    NUMBERS,
    PLACES,
    VIETNAMESE_COLOURS,
    VIETNAMESE_FRAMES,
    VIETNAMESE_NUMBERS,
)

COMMON = Path(__file__).with_name("common_words.txt")
COUNTERS = ("con", "quả", "trái", "cái", "chiếc", "bông", "cây", "củ", "một", "những", "các")
FILLERS = ("màu", "vẽ", "hãy", "cho", "tôi", "giúp", "bức", "tranh", "hình", "ảnh", "muốn", "xin")
ADJECTIVES = {"nhỏ": "small", "bé": "small", "to": "big", "lớn": "big", "dễ thương": "cute",
              "đẹp": "beautiful", "xinh": "beautiful"}  # fmt: skip
JOINS = {
    "và": "and",
    "với": "and",
    "cùng": "and",
    "cạnh": "next to",
    "bên cạnh": "next to",
    "trên": "above",
    "ở trên": "above",
    "dưới": "below",
    "ở dưới": "below",
}


def table(emoji: list[Emoji]) -> dict:
    """The contents of `words.json`."""
    known_names = read_names()
    names: dict[str, str] = {}
    for label, said in sorted(known_names.items(), key=lambda item: not item[1].get("common")):
        for name in said.get("vietnamese", ()):
            names.setdefault(name.lower(), called(label))
    for one in sorted(emoji, key=lambda one: -one.weight):
        for name in one.vietnamese[:1]:
            names.setdefault(captions.clean(name).lower(), called(one.label))
    return {
        "names": names,
        "colours": {said: colour for colour, every in VIETNAMESE_COLOURS.items() for said in every},
        "numbers": {
            said: NUMBERS[number][0]
            for number, every in VIETNAMESE_NUMBERS.items()
            for said in every
            if said.isalpha()
        },
        "joins": JOINS,
        "adjectives": ADJECTIVES,
        "fillers": sorted({*COUNTERS, *FILLERS, *vietnamese_fillers()}),
        "plainly": True,
        "known": known_words(emoji),
        "targets": targets(emoji),
    }


def called(label: str) -> str:
    """What the model is asked for: the label as captions have it, "red heart" as "heart"."""
    return captions.clean(label)


def vietnamese_fillers() -> set[str]:
    """What stands round the thing in Vietnamese captions."""
    said = {frame.replace("{x}", "").strip() for frame in VIETNAMESE_FRAMES}
    return {words for words in said if words and words not in ADJECTIVES}


def known_words(emoji: list[Emoji]) -> list[str]:
    """Words that are right as they are: those of labels, keywords, captions, and common English."""
    words = set(COMMON.read_text().split())
    for one in emoji:
        for text in (one.label, *one.tags):
            words.update(captions.split(text))
    for frame in (*FRAMES, *PLACES, *HELD_OUT_FRAMES, *BESIDE, *ABOVE):
        words.update(captions.split(frame))
    return sorted(words)


def targets(emoji: list[Emoji]) -> list[str]:
    """Words that people mean: those of things, of which the common come first, and of colours."""
    found: dict[str, None] = {}
    known_names = read_names()
    for label, said in sorted(known_names.items(), key=lambda item: not item[1].get("common")):
        for name in (label, *said.get("english", ())):
            found |= dict.fromkeys(captions.split(name))
    found |= dict.fromkeys(sorted(COLOUR_WORDS))
    for one in sorted(emoji, key=lambda one: -one.weight):
        if one.weight >= 1:
            found |= dict.fromkeys(captions.split(one.label))
    found |= {captions.plural(word): None for word in found}
    return [word for word in found if word.isascii() and word.isalpha() and len(word) > 2]


def write(folder: Path, emoji: list[Emoji]) -> None:
    """Write `words.json` into the folder of a model."""
    contents = table(emoji)
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in contents.items()
    ]
    (folder / "words.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
