"""AUTOMATIC1111's prompts that change: other words at other steps, and several prompts at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from worker.engine.errors import InvalidRequest

MAX_PARTS = 16
"""Prompts that AND may join: each is one more row of every forward."""

MAX_PART_WEIGHT = 100.0

MAX_DEPTH = 50
"""How deep edits may stand in edits: further in than anybody writes, and than Python calls."""

_TOKEN = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*", re.ASCII)
_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r":\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*\Z", re.ASCII)
_FAR = 1e9


@dataclass(frozen=True)
class Count:
    """How the forwards of a pass are counted: how many it was asked to have, and those of the pass
    before it, where there was one."""

    steps: int
    before: int | None = None

    def until(self, when: str) -> int:
        """The last forward of this pass, counted from 0, at which the words are still the first.

        With a point a share of the pass (1 to 2 is the second one's), without one a number of
        forwards, counted through both passes.
        """
        number = max(-_FAR, min(_FAR, float(when)))
        if "." in when:
            number = (number - (self.before is not None)) * self.steps
        else:
            number -= self.before or 0
        return min(self.steps, int(number))


@dataclass(frozen=True)
class _Edit:
    """`[before:after:when]`."""

    before: "_Texts"
    after: "_Texts"
    when: str

    def at(self, step: int, count: Count) -> "_Texts":
        return self.before if step <= count.until(self.when) else self.after


@dataclass(frozen=True)
class _Turns:
    """`[one|other]`: one after the other."""

    of: Sequence["_Texts"]

    def at(self, step: int, count: Count) -> "_Texts":
        return self.of[(step - 1) % len(self.of)]


_Texts = list["str | _Edit | _Turns"]


class _Open:
    """A bracket that is not closed yet, and what stands in it."""

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.parts: list[_Texts] = [[]]
        self.between: list[str] = []

    def as_written(self) -> _Texts:
        written: _Texts = [self.bracket, *self.parts[0]]
        for sign, part in zip(self.between, self.parts[1:], strict=True):
            written += [sign, *part]
        return written

    def square(self) -> _Texts | None:
        """What it is when a `]` closes it; None where that is nothing."""
        kinds = set(self.between)
        if not kinds:
            return [*self.as_written(), "]"]
        if kinds == {"|"}:
            return [_Turns(self.parts)]
        when = _number(self.parts[-1])
        if kinds == {":"} and len(self.parts) <= 3 and when is not None:
            before: _Texts = self.parts[0] if len(self.parts) == 3 else []
            return [_Edit(before, self.parts[-2], when)]
        return None

    def round(self) -> _Texts | None:
        """What it is when a `)` closes it."""
        return [*self.as_written(), ")"] if self.between.count(":") <= 1 else None


def _number(part: _Texts) -> str | None:
    text = "".join(each if isinstance(each, str) else "x" for each in part)
    match = _NUMBER.fullmatch(text)
    return match[1] if match and isfinite(float(match[1])) else None


class Edited:
    """One prompt whose words may change from step to step.

    AUTOMATIC1111's: `[from:to:when]`, `[to:when]`, `[from::when]`, and `[one|other]` which changes
    with every step; in one another as well. What has not their form is text, brackets included.
    Where its grammar finds none for a prompt as a whole (a `|` outside brackets), and takes all of
    it as it is written, the edits in it count here.
    """

    def __init__(self, prompt: str) -> None:
        self._texts = _parsed(prompt)
        self.changes = any(not isinstance(each, str) for each in self._texts)

    def at(self, forward: int, count: Count) -> str:
        """The prompt at a forward of a pass, counted from 0.

        As there, the first words hold for the forward that `when` names too, so that the first of
        two that alternate has the first two forwards.
        """
        return _text(self._texts, max(1, forward), count)


def _parsed(prompt: str) -> _Texts:
    done: _Texts = []
    opened: list[_Open] = []

    def put(texts: _Texts) -> None:
        (opened[-1].parts[-1] if opened else done).extend(texts)

    def spill() -> None:
        # A bracket in which something does not close is text, and so are those round it.
        for bracket in opened:
            done.extend(bracket.as_written())
        opened.clear()

    for token in _TOKEN.findall(prompt):
        if token in "[(":
            opened.append(_Open(token))
        elif token in ":|" and opened and (token == ":" or opened[-1].bracket == "["):
            opened[-1].between.append(token)
            opened[-1].parts.append([])
        elif token in "])" and opened and opened[-1].bracket == ("[" if token == "]" else "("):
            last = opened[-1]
            closed = last.square() if token == "]" else last.round()
            if closed is None:
                spill()
                done.append(token)
            else:
                opened.pop()
                put(closed)
        elif token in "])":
            spill()
            done.append(token)
        else:
            put([token])
    spill()
    return done


def _text(texts: _Texts, step: int, count: Count, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"prompt: edits may stand in one another up to {MAX_DEPTH} deep.")
    return "".join(
        each if isinstance(each, str) else _text(each.at(step, count), step, count, depth + 1)
        for each in texts
    )


@dataclass(frozen=True)
class Part:
    """One of the prompts that AND joins, and how much it counts."""

    text: str
    weight: float = 1.0


def parts_of(prompt: str) -> list[Part]:
    """The prompts that a text joins by AND (arXiv 2206.01714), each with the weight that it ends
    with (`a cat :1.2 AND rain :0.5`).

    A text without AND is one prompt, whatever it ends with. Raises InvalidRequest for more than
    MAX_PARTS and for weights beyond MAX_PART_WEIGHT.
    """
    texts = _AND.split(prompt)
    if len(texts) == 1:
        return [Part(prompt)]
    if len(texts) > MAX_PARTS:
        raise InvalidRequest(
            f"prompt: AND joins at most {MAX_PARTS} prompts; there are {len(texts)}."
        )
    parts: list[Part] = []
    for text in texts:
        match = _WEIGHT.search(text)
        weight = float(match[1]) if match else 1.0
        if abs(weight) > MAX_PART_WEIGHT:
            raise InvalidRequest(
                f"prompt: what AND joins weighs at most {MAX_PART_WEIGHT:g}, not {weight:g}."
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

    def at(self, forward: int, count: Count) -> Wording:
        """The prompts at a forward of a pass, counted from 0."""
        parts = tuple(Part(each.at(forward, count), weight) for each, weight in self._parts)
        return parts, self._negative.at(forward, count)
