"""Waiting for something to come to pass, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

SOONEST = 0.01
LATEST = 0.15
"""Seconds between two looks. What is asked is often a server, whose work looking is: after a
second it is looked for ten times a second, and not fifty."""


def until(condition: Callable[[], object], seconds: float = 60, every: float | None = None) -> None:
    """Wait until the condition holds; fail if it does not in time.

    It is looked at `every` so many seconds, else the more seldom the longer it takes.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, "it did not come to pass in time"
        time.sleep(every or min(LATEST, max(SOONEST, waited / 10)))
