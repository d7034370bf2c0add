"""A model's own table of words: what it takes a prompt for that it was never taught.

A small model knows the words of its training and no others. A model's folder may hold a
`words.json` that says how to read more: Vietnamese names as the English ones it learnt, and a
mistyped word as the known word next to it. What was read is told to whoever asked ("read as: red
apple"), and a request may ask to have its prompt taken as it is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FILE = "words.json"
LONGEST = 8
"""Words of the longest name that is looked for."""

SHORTEST_SLIP = 4
TWO_SLIPS = 7
"""Letters from which a word may be mended at all, and from which by two slips."""

SHORTEST_BARE = 3
"""Letters of a Vietnamese word that is read alone and without marks: shorter ones are as likely
something else ("ma", "ca")."""

ASKING_WORD = (
    "(?:please|kindly|just|hi|hello|hey|ok|okay|could|can|would|will|may|might|you|i|i'd|we|we'd"
    "|want|need|like|love|wish|to|see|have|get|draw|paint|make|show|give|create|generate|sketch"
    "|render|imagine|produce|me|us|let's)"
)

ASKING = re.compile(
    rf"\s*(?:(?:please|draw|paint|sketch|show|imagine|generate|create|render)\s"
    rf"|{ASKING_WORD}\s+{ASKING_WORD}\s)\s*(?:{ASKING_WORD}\s+)*",
    re.IGNORECASE,
)
"""What stands before the thing in a request that is put as a sentence. One "love" or "ok" alone
is more likely a name's: love letter, OK hand."""

KIND_OF_PICTURE = re.compile(
    r"""^\s*(?:(?:an?|the|some|my)\s+)?(?:\w+\s+){0,2}?(?:picture|image|photo|photograph|drawing
    |painting|sketch|illustration)s?\s+(?:of|with|showing|that\ shows?|which\ shows?)\s+""",
    re.IGNORECASE | re.VERBOSE,
)

AFTER = re.compile(
    r"""\s+(?:please|thanks|thank\ you(?:\ very\ much)?|for\ (?:me|us|(?:my|our|his|her|their)\ \w+)
    |(?:that|which)\ (?:i|we|you|he|she|they)\b.*)\s*$""",
    re.IGNORECASE | re.VERBOSE,
)

SEGMENT = re.compile(r"[^,;.!?\n()\[\]{}<>|:\"]+")
BETWEEN = re.compile(r"\b(AND|BREAK)\b")
TAG = re.compile(r"<[^<>]*>")
WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
TOKEN = re.compile(r"[\w'\u2019-]+")


class Words(BaseModel):
    """`words.json` as it is written. All words are in lower case."""

    model_config = ConfigDict(extra="ignore")

    names: dict[str, str]
    """What things are called in Vietnamese, to what the model calls them."""
    colours: dict[str, str]
    numbers: dict[str, str]
    joins: dict[str, str]
    adjectives: dict[str, str]
    fillers: list[str]
    """Vietnamese words that say nothing of the picture: "please draw", and words that count."""
    other_languages: dict[str, str] = {}
    """Names that are read only where they are all that is asked for."""
    plainly: bool = False
    """Whether to read "could you draw a cat for me" as "a cat"."""
    known: list[str]
    """Words that are left as they are."""
    targets: list[str]
    """Words that a mistyped one may have been meant for, those asked for most first."""


@dataclass
class WordTable:
    """Reads prompts as a model understands them."""

    words: Words
    _known: set[str] = field(init=False)
    _marked: dict[str, tuple[str, str]] = field(init=False)
    _bare: dict[str, tuple[str, str]] = field(init=False)
    _by_length: dict[int, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        words = self.words
        self._known = {*words.known, *words.targets}
        self._marked = {}
        for kind, table in (
            ("name", words.names),
            ("filler", dict.fromkeys(words.fillers, "")),
            ("adjective", words.adjectives),
            ("join", words.joins),
            ("number", words.numbers),
            ("colour", words.colours),
        ):
            for said, meant in table.items():
                self._marked.setdefault(said, (kind, meant))
        self._bare = _unambiguous(self._marked)
        self._by_length = {}
        for word in words.targets:
            self._by_length.setdefault(len(word), []).append(word)

    @classmethod
    def load(cls, folder: Path) -> WordTable | None:
        """The table of a model's folder; None where it has none that can be read."""
        try:
            return cls(Words.model_validate_json((folder / FILE).read_bytes()))
        except (OSError, ValidationError):
            return None

    def read_as(self, prompt: str) -> str:
        """The prompt in words that the model knows; the same prompt where it knows them all."""
        # Prompts that stand side by side are each read by itself.
        parts = BETWEEN.split(prompt)
        parts[::2] = [
            SEGMENT.sub(lambda found: self._segment(found.group()), part) for part in parts[::2]
        ]
        return "".join(parts)

    def strangers(self, prompt: str) -> list[str]:
        """The words of a prompt that the model does not know, each once, as they are written."""
        found: dict[str, str] = {}
        for word in WORD.findall(BETWEEN.sub(" ", TAG.sub(" ", prompt))):
            said = word.lower()
            # Of "cat's" and "cat-like" each part may be known, and one letter says nothing.
            parts = [part for part in re.split(r"['\u2019-]", said) if len(part) > 1]
            if parts and not self._knows(said) and not all(map(self._knows, parts)):
                found.setdefault(said, word)
        return list(found.values())

    def _segment(self, text: str) -> str:
        """One part of a prompt between commas or brackets, in words that the model knows."""
        said = text.strip().lower()
        words = TOKEN.findall(said)
        if not words or all(self._knows(word) or word.isdecimal() for word in words):
            return self._plainly(text)
        read = self.words.other_languages.get(said) or self._vietnamese(words)
        if read is None:
            return self._plainly(WORD.sub(lambda found: self._mended(found.group()), text))
        before = text[: len(text) - len(text.lstrip())]
        return before + read + text[len(text.rstrip()) :]

    def _plainly(self, text: str) -> str:
        """An English sentence without what stands round the thing that it asks for."""
        if not self.words.plainly:
            return text
        left = text
        while (right := AFTER.sub("", left)) != left:
            left = right
        if asking := ASKING.match(left):
            left = left[asking.end() :]
        asked = KIND_OF_PICTURE.sub("", left)
        if not asked.strip() or asked == text:
            return text
        before = text[: len(text) - len(text.lstrip())]
        return before + asked.strip() + text[len(text.rstrip()) :]

    def _vietnamese(self, words: list[str]) -> str | None:
        """A Vietnamese phrase in English; None where it is none."""
        marked = any(_bare(word) != word for word in words)
        if not marked and len(words) == 1 and len(words[0]) < SHORTEST_BARE:
            return None
        parts = self._covered(words, self._bare if not marked else {})
        if parts is None and marked:
            parts = self._covered(words, self._bare)
        if parts is None or not any(kind == "name" for kind, _ in parts):
            return None
        return _in_english(parts)

    def _covered(
        self, words: list[str], bare: Mapping[str, tuple[str, str]]
    ) -> list[tuple[str, str]] | None:
        """The kinds and meanings of all words, longest phrases first; None where one has none."""
        parts: list[tuple[str, str]] = []
        at = 0
        while at < len(words):
            for end in range(min(len(words), at + LONGEST), at, -1):
                phrase = " ".join(words[at:end])
                found = self._marked.get(phrase) or bare.get(_bare(phrase))
                if found is not None:
                    parts.append(self._in_place(found, phrase, parts))
                    at = end
                    break
            else:
                if not words[at].isdecimal():
                    return None
                parts.append(("number", words[at]))
                at += 1
        return parts

    def _in_place(
        self, found: tuple[str, str], phrase: str, before: list[tuple[str, str]]
    ) -> tuple[str, str]:
        """A word for both a thing and a colour (cam, an orange) is the colour after a thing."""
        said = [kind for kind, _ in before if kind != "filler"]
        if found[0] == "name" and said and said[-1] == "name":
            for word, colour in self.words.colours.items():
                if _bare(word) == _bare(phrase):
                    return "colour", colour
        return found

    def _knows(self, word: str) -> bool:
        """Whether the model knows a word, or its singular."""
        singulars = (word.removesuffix("s"), word.removesuffix("es"), word[:-3] + "y")
        return word in self._known or (
            word.endswith("s") and any(one in self._known for one in singulars)
        )

    def _mended(self, word: str) -> str:
        """The known word that a mistyped one was meant for; the word itself where none is near."""
        typed = word.lower()
        if len(typed) < SHORTEST_SLIP or self._knows(typed) or not typed.isascii():
            return word
        most = 2 if len(typed) >= TWO_SLIPS else 1
        best, nearest = word, most + 1
        for length in range(len(typed) - most, len(typed) + most + 1):
            for known in self._by_length.get(length, ()):
                if known[0] not in typed[:2] or len(known) < SHORTEST_SLIP:
                    continue
                slips = distance(typed, known, nearest)
                if slips < nearest:
                    best, nearest = known, slips
        return best


def _bare(word: str) -> str:
    """A word without its marks."""
    flat = unicodedata.normalize("NFD", word.replace("đ", "d"))
    return "".join(c for c in flat if not unicodedata.combining(c))


def _unambiguous(marked: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """What is meant by words without their marks, where they can only mean one thing of a kind.

    Of two things with one bare name, neither is read; a name goes before a colour or a filler.
    """
    found: dict[str, tuple[str, str]] = {}
    unclear: set[str] = set()
    for said, (kind, meant) in marked.items():
        bare = _bare(said)
        before = found.setdefault(bare, (kind, meant))
        if before[0] == kind and before[1] != meant:
            unclear.add(bare)
    return {said: meant for said, meant in found.items() if said not in unclear}


def _in_english(parts: Iterable[tuple[str, str]]) -> str:
    """Parts in their Vietnamese order (two cat purple) as English has them (two purple cats)."""
    groups: list[dict[str, str]] = [{}]
    joins: list[str] = []
    for kind, meant in parts:
        if kind == "join" and groups[-1].get("name"):
            joins.append(meant)
            groups.append({})
        elif kind == "name" and groups[-1].get("name"):
            groups[-1]["name"] += f" {meant}"
        elif kind != "filler" and kind != "join":
            groups[-1][kind] = meant
    said = [_noun(group) for group in groups if group]
    out = said[0]
    for join, noun in zip(joins, said[1:], strict=False):
        out += f" {join} {noun}"
    return out


def _noun(group: Mapping[str, str]) -> str:
    """A thing with its number, its adjective and its colour."""
    name = group.get("name", "")
    if colour := group.get("colour"):
        first, _, rest = name.partition(" ")
        name = rest if rest and first in ("red", "green", "blue", "yellow", "orange") else name
        name = f"{colour} {name}".strip()
    if adjective := group.get("adjective"):
        name = f"{adjective} {name}"
    number = group.get("number")
    if number is None:
        return name
    return f"{number} {name}" if number in ("1", "one") else f"{number} {plural(name)}"


def plural(words: str) -> str:
    """The English plural of the last word, by its ending."""
    if re.search(r"(s|x|z|ch|sh)$", words):
        return words if words.endswith("s") else words + "es"
    if re.search(r"[^aeiou]y$", words):
        return words[:-1] + "ies"
    return words + "s"


def distance(one: str, other: str, most: int) -> int:
    """Slips between two words: letters lost, added, changed, or swapped with the next.

    Optimal string alignment; anything from `most` on is told as `most`.
    """
    if abs(len(one) - len(other)) >= most:
        return most
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != wanted))
            swapped = (
                row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted
            )
            now.append(min(cost, before[column - 2] + 1) if swapped else cost)
        if min(now) >= most:
            return most
        before, last = last, now
    return min(last[-1], most)
