"""Whether a prompt's words change from step to step, as a worker will read them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jobs.prompts.joined import AND

_TOKEN = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?\s*", re.ASCII)


@dataclass
class _Open:
    """A bracket that is not closed yet: the signs in it, and what stands behind the last one."""

    bracket: str
    signs: list[str] = field(default_factory=list[str])
    last: str = ""

    def changes(self) -> bool:
        """Whether it is an edit or alternates when a `]` closes it."""
        kinds = set(self.signs)
        timed = kinds == {":"} and len(self.signs) <= 2 and _NUMBER.fullmatch(self.last)
        return kinds == {"|"} or bool(timed)

    def is_text(self) -> bool:
        """Whether it is a part of the text round it when it is closed."""
        return self.signs.count(":") <= 1 if self.bracket == "(" else not self.signs


def changes(prompt: str) -> bool:
    """Whether any step has other words than another: `[cat:dog:0.5]`, `[red|green]`."""
    return any(map(_changes, AND.split(prompt)))


def _changes(prompt: str) -> bool:
    opened: list[_Open] = []
    for token in _TOKEN.findall(prompt):
        here = opened[-1] if opened else None
        if token in "[(":
            opened.append(_Open(token))
        elif here and token in ":|" and (token == ":" or here.bracket == "["):
            here.signs.append(token)
            here.last = ""
        elif here and token in "])" and here.bracket == ("[" if token == "]" else "("):
            if token == "]" and here.changes():
                return True
            if here.is_text():
                opened.pop()
                if opened:
                    opened[-1].last += f"{here.bracket}{token}"
            else:
                # What does not close makes text of all brackets round it.
                opened.clear()
        elif token in "])":
            opened.clear()
        elif here:
            here.last += token
    return False
