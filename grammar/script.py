"""All that a picture's prompts say: several at once, each with words that may change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grammar.edits import Count, Edited
from grammar.errors import BadPrompt

MAX_PARTS = 16
"""Prompts that AND may join: each is one more row of every forward."""

MAX_PART_WEIGHT = 100.0

MAX_WORDINGS = 64
"""Texts that a prompt may become from step to step: 64 of T5-XXL's are 270 MB."""

AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r":\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*\Z", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One of the prompts that AND joins, and how much it counts."""

    text: str
    weight: float = 1.0


def parts_of(prompt: str) -> list[Part]:
    """The prompts that a text joins by AND (arXiv 2206.01714), each with the weight that it ends
    with (`a cat :1.2 AND rain :0.5`).

    A text without AND is one prompt, whatever it ends with. Raises BadPrompt for more than
    MAX_PARTS and for weights beyond MAX_PART_WEIGHT.
    """
    texts = AND.split(prompt)
    if len(texts) == 1:
        return [Part(prompt)]
    if len(texts) > MAX_PARTS:
        raise BadPrompt(
            "and-too-many",
            "AND joins at most {most} prompts; there are {has}",
            most=MAX_PARTS,
            has=len(texts),
        )
    parts: list[Part] = []
    for text in texts:
        match = _WEIGHT.search(text)
        weight = float(match[1]) if match else 1.0
        if abs(weight) > MAX_PART_WEIGHT:
            raise BadPrompt(
                "and-too-heavy",
                "what AND joins weighs at most {most:g}, not {given:g}",
                most=MAX_PART_WEIGHT,
                given=weight,
            )
        parts.append(Part(text[: match.start()].rstrip() if match else text.rstrip(), weight))
    return parts


Wording = tuple[tuple[Part, ...], str]
"""What a picture's prompts are at one forward: those that AND joins, and the negative one."""


class Script:
    """A picture's prompts as they are written, to be read forward by forward; `placed` are those
    of its regions, which come behind its own."""

    def __init__(self, prompt: str, negative: str, placed: Sequence[str] = ()) -> None:
        own = parts_of(prompt)
        self.joined = len(own) > 1
        """Whether AND joins several prompts."""
        self.placed = bool(placed)
        """Whether there are prompts for parts of the picture."""
        parts = [*own, *(Part(text) for text in placed)]
        self._parts = [(Edited(part.text), part.weight) for part in parts]
        self._negative = Edited(negative)

    @property
    def changes(self) -> bool:
        """Whether any forward has other words than another."""
        return self._negative.changes or any(part.changes for part, _ in self._parts)

    @property
    def several(self) -> bool:
        """Whether there is more than one prompt, at once or one after the other."""
        return self.changes or self.joined or self.placed

    def texts(self, forwards: int, count: Count) -> list[tuple[str, str]]:
        """All prompts that there are at the forwards of a pass, each with its negative one."""
        said = (self.at(forward, count) for forward in range(forwards))
        return list(
            dict.fromkeys((part.text, negative) for parts, negative in said for part in parts)
        )

    def at(self, forward: int, count: Count) -> Wording:
        """The prompts at a forward of a pass, counted from 0."""
        parts = tuple(Part(each.at(forward, count), weight) for each, weight in self._parts)
        return parts, self._negative.at(forward, count)
