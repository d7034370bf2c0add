"""Seats for clients that stay: so many in all, and so many for each caller."""

from __future__ import annotations

from collections import Counter
from threading import Lock


class Seats:
    """Counts who stays, so that one caller cannot take every seat."""

    def __init__(self, seats: int, each: int) -> None:
        self.seats = seats
        self.each = each
        self._free = seats
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, caller: str) -> bool:
        """Take a seat; False where none is free, or the caller has its share."""
        with self._lock:
            if not self._free or self._taken[caller] >= self.each:
                return False
            self._free -= 1
            self._taken[caller] += 1
            return True

    def has_share(self, caller: str) -> bool:
        """Whether a caller has as many seats as one may have."""
        with self._lock:
            return self._taken.get(caller, 0) >= self.each

    def give_back(self, caller: str) -> None:
        """Give a seat back."""
        with self._lock:
            self._free += 1
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
