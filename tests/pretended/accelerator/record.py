"""What happened on a pretended device: waits and mixes, and the lines of code that led there."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

OURS = ("worker/", "diffusers/", "transformers/")


@dataclass(frozen=True)
class Event:
    """Something recorded: what it was, and the lines of code that led there, the nearest first."""

    what: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} at {' < '.join(self.where) or 'nowhere known'}"


@dataclass
class Record:
    """What happened since it was last `clear`ed."""

    waits: list[Event] = field(default_factory=list[Event])
    mixes: list[Event] = field(default_factory=list[Event])
    operations: int = 0
    calls: Counter[str] = field(default_factory=Counter[str])

    def clear(self) -> None:
        self.waits.clear()
        self.mixes.clear()
        self.calls.clear()
        self.operations = 0

    def places(self) -> Counter[str]:
        """The waits by the nearest line of ours."""
        return Counter(f"{wait.what} at {(wait.where or ('?',))[0]}" for wait in self.waits)


def where() -> tuple[str, ...]:
    """The lines of code that led here, the nearest first."""
    found: list[str] = []
    frame = sys._getframe(2)
    while frame is not None and len(found) < 6:
        name = frame.f_code.co_filename
        if start := next((each for each in OURS if each in name), None):
            found.append(f"{start}{name.rpartition(start)[2]}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(found)
