"""A folder's server: there for all its tests, and gone when another folder's begins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar, cast

Thing = TypeVar("Thing")


class Kept:
    """One thing at a time, by a name.

    A server that nobody asks anything takes a hundredth of a core, and there would be a dozen.
    """

    def __init__(self) -> None:
        self._name: str | None = None
        self._thing: object = None
        self._open = ExitStack()

    def one(self, name: str, make: Callable[[], AbstractContextManager[Thing]]) -> Thing:
        """What is kept by this name, else what `make` makes; what was kept before is closed."""
        if self._name != name:
            self.close()
            self._thing = self._open.enter_context(make())
            self._name = name
        return cast(Thing, self._thing)

    def close(self) -> None:
        """End what is kept."""
        self._name, self._thing = None, None
        self._open.close()
