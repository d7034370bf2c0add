"""When a program that does not answer counts as hung."""

from __future__ import annotations

import time

HUNG = 30
"""Seconds without an answer after which the API counts as hung; a busy one answers in time."""

STARTING = 600
"""Seconds it may take to its first answer: a slow machine imports for a minute and more."""


class Pulse:
    """Counts from the first answer of each start: what still imports is not hung."""

    def __init__(self) -> None:
        self.started()

    def started(self) -> None:
        """It was started anew."""
        self.patience, self._since = STARTING, time.monotonic()

    def answered(self) -> None:
        """It has just answered."""
        self.patience, self._since = HUNG, time.monotonic()

    def is_hung(self) -> bool:
        """Whether it has been silent for longer than `patience`, in seconds."""
        return time.monotonic() - self._since > self.patience
