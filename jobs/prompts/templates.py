"""Prompts that are templates: `{red|green} apple`, `{2$$a|b|c}`, `__animal__`.

The syntax is that of the extension Dynamic Prompts, as far as it goes here: choices with weights
(`{3::red|green}`), several at once (`{2$$red|green|blue}`, `{1-2$$ and $$red|green}`), and
wildcards, in one another. Its variables, samplers and parameters are refused.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from jobs.prompts.wildcards import Wildcards
from jobs.sentences import say, shown

MAX_DEPTH = 20
"""How deep choices and wildcards may stand in one another."""

MAX_PICKS = 2000
"""Choices and wildcards of one prompt that are picked, those in picked values included."""

MAX_LENGTH = 1_000_000
"""Characters that are picked for one prompt, those in other choices counted in each of them."""

SEPARATOR = ", "

SAMPLERS = "~@!"
"""What that language begins with where it says how to pick: at random, in turn, all of them."""

_TOKEN = re.compile(
    r"""
    \\.
    | __(?P<name>[~@!]?(?:[^\W_]|[*/.\-]|_(?!_))+(?:[ ]+(?:[^\W_]|[*/.\-]|_(?!_))+)*)
      (?P<more>\([^()]*\))?__
    | \$\$
    | \$\{
    | [{}|\[\]]
    | (?:[^\\{}|\[\]_$]|_(?!_)|\$(?![{$]))+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_BOUND = re.compile(r"\s*(?P<low>\d{1,3})?\s*(?P<range>-)?\s*(?P<high>\d{1,3})?\s*", re.ASCII)
_SAMPLED = re.compile(r"\s*[~@!](?=\S)")
_UNREAD = re.compile(r"[^\[\]()<>:$]*(?:\$\$|::)")
_WEIGHT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\s*::", re.ASCII)


class BadTemplate(Exception):
    """The caller gets 422: a prompt is no template as it is written, and the message says why."""


@dataclass(frozen=True)
class _Wildcard:
    name: str


@dataclass(frozen=True)
class _Choice:
    options: Sequence[_Option]
    low: int = 1
    high: int = 1
    between: str = SEPARATOR


@dataclass(frozen=True)
class _Option:
    weight: float
    texts: Sequence[_Text]


_Text = str | _Wildcard | _Choice


@dataclass
class _Open:
    """A brace that is not closed yet: its options so far, and square brackets open in the last."""

    options: list[list[_Text]] = field(default_factory=lambda: [list[_Text]()])
    square: int = 0


def is_template(prompt: str, *, lists: bool = True) -> bool:
    """Whether a prompt has anything to pick. Without `lists` of words their names are text."""
    return ("{" in prompt or "__" in prompt or "${" in prompt) and any(
        not isinstance(each, str) for each in _parsed(prompt, lists=lists)
    )


def wildcard_in(prompt: str) -> str | None:
    """The first name of a list that stands in a prompt, as it is written there."""
    return next((match[0] for match in _TOKEN.finditer(prompt) if match["name"]), None)


def unclosed(prompt: str) -> str | None:
    """The first choice of a prompt that is text because it is never closed, as far as it goes."""
    opened: list[tuple[int, list[str]]] = []
    for match in _TOKEN.finditer(prompt):
        if match[0] == "{":
            opened.append((match.start(), []))
        elif match[0] == "}" and opened:
            opened.pop()
        elif match[0] in ("|", "$$") and opened:
            opened[-1][1].append(match[0])
    return next((prompt[start:] for start, signs in opened if signs), None)


def expanded(prompt: str, seed: str, wildcards: Wildcards) -> str:
    """What a template becomes: the same for the same seed and the same files. Where there are no
    lists at all, their names are text.

    Raises BadTemplate, and NoWildcard for a list that is not there.
    """
    lists = "__" not in prompt or wildcards.any()
    return _Picker(random.Random(seed), wildcards).text(_parsed(prompt, lists=lists), 0)


class _Picker:
    def __init__(self, dice: random.Random, wildcards: Wildcards) -> None:
        self._dice = dice
        self._wildcards = wildcards
        self._picks = 0
        self._length = 0
        self._lists: dict[str, tuple[list[str], list[float]]] = {}

    def text(self, texts: Sequence[_Text], depth: int) -> str:
        return "".join(
            each if isinstance(each, str) else self._picked(each, depth) for each in texts
        )

    def _picked(self, text: _Wildcard | _Choice, depth: int) -> str:
        self._picks += 1
        if depth > MAX_DEPTH:
            what = f"`__{text.name}__`" if isinstance(text, _Wildcard) else "a choice"
            raise BadTemplate(
                say(
                    "too-deep",
                    "choices and wildcards may stand in one another up to {most} deep, and {what}"
                    " is deeper; a list may name itself by way of another",
                    most=MAX_DEPTH,
                    what=what,
                )
            )
        if self._picks > MAX_PICKS:
            raise BadTemplate(
                say(
                    "too-many-picks",
                    "more than {most} choices and wildcards are picked for it",
                    most=MAX_PICKS,
                )
            )
        if isinstance(text, _Wildcard):
            return self._counted(self.text(self._value(text.name), depth + 1))
        number = text.low + int(self._dice.random() * (text.high - text.low + 1))
        picked = [self.text(option.texts, depth + 1) for option in self._some(text.options, number)]
        return self._counted(text.between.join(picked))

    def _counted(self, text: str) -> str:
        self._length += len(text)
        if self._length > MAX_LENGTH:
            raise BadTemplate(
                say(
                    "too-much-picked",
                    "more than {most} characters are picked for it",
                    most=MAX_LENGTH,
                )
            )
        return text

    def _value(self, name: str) -> Sequence[_Text]:
        if name not in self._lists:
            weighed = [_weighed(value) for value in self._wildcards.values(name)]
            sums = list(accumulate(weight for weight, _ in weighed))
            self._lists[name] = [value for _, value in weighed], sums
        values, sums = self._lists[name]
        if not sums[-1]:
            raise BadTemplate(
                say("weightless", "of {what} all weights are 0", what=f"`__{name}__`")
            )
        at = min(bisect(sums, self._dice.random() * sums[-1]), len(values) - 1)
        return _parsed(values[at])

    def _some(self, options: Sequence[_Option], number: int) -> list[_Option]:
        """So many of them, none a second time before all had their turn."""
        some: list[_Option] = []
        left: list[_Option] = []
        for _ in range(number):
            left = left or [each for each in options if each.weight > 0]
            if not left:
                raise BadTemplate(say("weightless-choice", "of a choice all weights are 0"))
            at = self._dice.random() * sum(each.weight for each in left)
            for index, each in enumerate(left):
                at -= each.weight
                if at < 0 or index == len(left) - 1:
                    some.append(left.pop(index))
                    break
        return some


def _parsed(prompt: str, *, lists: bool = True) -> list[_Text]:
    done: list[_Text] = []
    opened: list[_Open] = []

    def put(text: _Text) -> None:
        (opened[-1].options[-1] if opened else done).append(text)

    for match in _TOKEN.finditer(prompt):
        token = match[0]
        if token == "${":
            raise BadTemplate(
                say("variable", "it has a variable {sign}, which is not done here", sign="`${`")
            )
        if match["name"] and lists:
            if match["more"] or match["name"][0] in SAMPLERS:
                raise _parameter(token)
            put(_Wildcard(match["name"]))
        elif token == "{":
            opened.append(_Open())
        elif token == "}" and opened:
            for text in _closed(opened.pop()):
                put(text)
        elif token == "|" and opened and not opened[-1].square:
            opened[-1].options.append([])
        else:
            if opened and token in "[]":
                opened[-1].square = max(0, opened[-1].square + (1 if token == "[" else -1))
            put(token)
    for brace in opened:
        # One that is never closed is text.
        done += _as_written(brace, "")
    return done


def _as_written(brace: _Open, end: str) -> list[_Text]:
    texts: list[_Text] = ["{", *brace.options[0]]
    for option in brace.options[1:]:
        texts += ["|", *option]
    return [*texts, end]


def _closed(brace: _Open) -> list[_Text]:
    """What stands in braces; text as it is written where it leaves no choice."""
    first = brace.options[0]
    head = ""
    # Marks of how many stand in the first option, whose text may be in pieces.
    while first and isinstance(text := first[0], str):
        head += text
        del first[0]
    marks = head.split("$$", 2)
    bound = _BOUND.fullmatch(marks[0]) if len(marks) > 1 else None
    if bound is None or not (bound["low"] or bound["high"]):
        first.insert(0, head)
        if len(brace.options) == 1:
            return _as_written(brace, "}")
        if _SAMPLED.match(head):
            raise _parameter("{" + head)
        return [_Choice([_option(each) for each in brace.options])]
    first.insert(0, marks[-1])
    between = marks[1] if len(marks) == 3 else SEPARATOR
    options = [_option(each) for each in brace.options]
    most = len(options)
    low = int(bound["low"]) if bound["low"] else 0
    high = low
    if bound["range"]:
        high = int(bound["high"]) if bound["high"] else most
    if not low and not bound["range"]:
        low = high = int(bound["high"] or 0)
    if high < low:
        raise BadTemplate(
            say(
                "choice-bounds",
                "a choice takes {low} at least and {high} at most",
                low=low,
                high=high,
            )
        )
    return [_Choice(options, low, high, between)]


def _option(texts: Sequence[_Text]) -> _Option:
    if not texts or not isinstance(first := texts[0], str):
        return _Option(1.0, texts)
    weight, rest = _weighed(first)
    if rest == first and (unread := _UNREAD.match(first)):
        raise BadTemplate(
            say(
                "choice-unread",
                "a choice has `{sign}` with no number before it; with `as_written` it is text",
                sign=shown(unread[0]),
            )
        )
    return _Option(weight, [rest, *texts[1:]])


def _parameter(written: str) -> BadTemplate:
    return BadTemplate(
        say(
            "wildcard-parameter",
            "`{name}` has a parameter, which is not done here",
            name=shown(written),
        )
    )


def _weighed(text: str) -> tuple[float, str]:
    match = _WEIGHT.match(text)
    return (float(match[1]), text[match.end() :]) if match else (1.0, text)
