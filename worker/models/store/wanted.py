"""What somebody waits for, how much of it is there, and when the rest should be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from worker.models.store.shelf import Key

TELLING = 0.1
"""Share of a model that must be there before the time so far says how long the rest takes."""


class Took(NamedTuple):
    """What loading something took: seconds from when it had room, and bytes of memory."""

    seconds: float
    bytes: int


@dataclass
class Wanted:
    """Something to be loaded, for use with the model `beside`: which fraction of it is there, when
    it takes its turn of the memory, and when its loading began (both on the monotonic clock)."""

    beside: str
    fraction: float = 0.0
    turn: float | None = None
    began: float | None = None

    def left(self, before: Took | None) -> float | None:
        """Seconds until it should be there, by what it took `before` or else by how far it is;
        None where neither says it."""
        if self.began is None:
            return None
        passed = time.monotonic() - self.began
        if before is not None:
            return max(0.0, before.seconds - passed)
        if self.fraction < TELLING:
            return None
        return passed / self.fraction * (1 - self.fraction)


def ready_in(
    cold: Mapping[str, float], wanted: Mapping[Key, Wanted], took: Mapping[str, Took]
) -> dict[str, float]:
    """Seconds until each model should be there: of the `cold` ones, and of those that somebody
    waits for, where that can be said."""
    ready = dict(cold)
    for key, each in wanted.items():
        if key.kind == "model":
            ready.pop(key.name, None)
            if (left := each.left(took.get(key.name))) is not None:
                ready[key.name] = left
    return ready
