"""Turns at work that takes a core and much memory: few at once, few waiting, none for long."""

from __future__ import annotations

import os
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from threading import Condition

AT_ONCE = min(4, os.cpu_count() or 1)
"""More at once than there are cores would only add their memory up."""

INSIDE = 12
"""Threads that work or wait here: two browsers that show a page of thumbnails have six connections
each, and of the API's threads that hold no event stream it is a good third."""

PATIENCE = 10.0
"""Seconds that one waits; a picture of 49 megapixels takes four on one core."""


class Busy(Exception):
    """The caller gets 503 and is asked to come back: as many pictures as can be are worked on."""


class Turns:
    """Lets few in, and one at a time for the same thing."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken: set[Hashable] = set()
        self._inside = 0

    @contextmanager
    def take(self, thing: Hashable) -> Generator[None]:
        """A turn at this thing, when whoever else is at it has done. Raises Busy, at the latest
        after PATIENCE seconds, at once where too many wait."""
        with self._changed:
            if self._inside >= INSIDE:
                raise Busy
            self._inside += 1
            try:
                if not self._changed.wait_for(lambda: self._is_free(thing), PATIENCE):
                    raise Busy
            except BaseException:
                self._inside -= 1
                raise
            self._taken.add(thing)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(thing)
                self._inside -= 1
                self._changed.notify_all()

    def _is_free(self, thing: Hashable) -> bool:
        return thing not in self._taken and len(self._taken) < AT_ONCE
