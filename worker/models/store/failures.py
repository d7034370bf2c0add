"""What did not load, and why: told to everybody who waited for it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from worker.engine.errors import ModelUnavailable
from worker.models.store.shelf import Key

RETRY = 5.0
"""Seconds for which a failed load answers everybody who waited; the next one loads again."""


@dataclass
class _Failure:
    reason: str
    told_at: float | None = None


class Failures:
    """Failed loads. Threads that share it hold one lock between them."""

    def __init__(self) -> None:
        self._failed: dict[Key, _Failure] = {}

    def note(self, key: Key, reason: str) -> None:
        """This did not load."""
        self._failed[key] = _Failure(reason)

    def tell(self, key: Key) -> None:
        """Raises ModelUnavailable where this failed, and not so long ago that it should be tried
        again."""
        failure = self._failed.get(key)
        if failure is None:
            return
        now = time.monotonic()
        # Counted from when it is first told: a long step must not let it pass untold.
        failure.told_at = failure.told_at or now
        if now - failure.told_at < RETRY:
            raise ModelUnavailable(failure.reason)
        del self._failed[key]

    def clear(self) -> None:
        """Whatever failed may be tried again."""
        self._failed.clear()
