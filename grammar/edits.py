"""Words that change from step to step, as AUTOMATIC1111's prompts have them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from grammar.errors import BadPrompt

MAX_DEPTH = 50
"""How deep edits may stand in edits: further in than anybody writes, and than Python calls."""

_TOKEN = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*", re.ASCII)
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

    @property
    def texts(self) -> Sequence["_Texts"]:
        return self.before, self.after

    def at(self, step: int, count: Count) -> "_Texts":
        return self.before if step <= count.until(self.when) else self.after


@dataclass(frozen=True)
class _Turns:
    """`[one|other]`: one after the other."""

    texts: Sequence["_Texts"]

    def at(self, step: int, count: Count) -> "_Texts":
        return self.texts[(step - 1) % len(self.texts)]


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
        _check_depth(self._texts)
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


def half_written(prompt: str) -> str | None:
    """What of one prompt looks like an edit or a weight and is text, since it has not their form:
    the first of `[cat:dog]`, `[cat:dog:soon]`, `[cat|dog`, `(cat:much)`, `(cat:1.3`."""
    opened: list[tuple[str, int, list[tuple[str, int]]]] = []
    place = 0
    for token in _TOKEN.findall(prompt):
        if token in "[(":
            opened.append((token, place, []))
        elif token in ":|" and opened and (token == ":" or opened[-1][0] == "["):
            opened[-1][2].append((token, place + 1))
        elif token in "])" and opened:
            bracket, start, between = opened.pop()
            if between and not _has_form(bracket + token, between, prompt[between[-1][1] : place]):
                return prompt[start : place + 1]
        place += len(token)
    return next((prompt[start:] for _, start, between in opened if between), None)


def torn(parts: Sequence[str]) -> str | None:
    """What of prompts that stood in one is text, since its bracket was opened in one before it: of
    `[cat` and `dog:bird:3]` the second."""
    left = 0
    for part in parts:
        opened, place = 0, 0
        for token in _TOKEN.findall(part):
            place += len(token)
            if token in "[(":
                opened += 1
            elif token in "])" and opened:
                opened -= 1
            elif token in "])" and left:
                return part[:place].lstrip()
        left += opened
    return None


def _has_form(brackets: str, between: Sequence[tuple[str, int]], last: str) -> bool:
    """Whether brackets with these signs between their parts are an edit, or weigh."""
    signs = [sign for sign, _ in between]
    if brackets == "[]" and ":" not in signs:
        return True
    number = _NUMBER.fullmatch(last) is not None
    return number and (brackets == "()" or (brackets == "[]" and signs in ([":"], [":", ":"])))


def _check_depth(texts: _Texts) -> None:
    depth, level = 0, [each for each in texts if not isinstance(each, str)]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadPrompt(
                "edits-too-deep", "edits may stand in one another up to {most} deep", most=MAX_DEPTH
            )
        inner = (part for each in level for text in each.texts for part in text)
        level = [part for part in inner if not isinstance(part, str)]


def _text(texts: _Texts, step: int, count: Count) -> str:
    return "".join(
        each if isinstance(each, str) else _text(each.at(step, count), step, count)
        for each in texts
    )
