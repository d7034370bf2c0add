"""Work of the processor alone, which is done while the engine steps: no step waits for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """`work`, begun at once in a thread of its own. It is dropped by forgetting this."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._made: list[T] = []
        self._error: BaseException | None = None
        self.seconds = 0.0
        """What it took, once it is done."""
        self.done = False
        """Whether it has ended, with a result or an error."""
        threading.Thread(target=self._run, args=(work,), name="beside", daemon=True).start()

    def result(self) -> T:
        """What was made, once it is done. Raises what the work raised."""
        if self._error is not None:
            raise self._error
        [made] = self._made
        return made

    def _run(self, work: Callable[[], T]) -> None:
        began = time.thread_time()
        try:
            self._made.append(work())
        except BaseException as error:
            self._error = error
        self.seconds = time.thread_time() - began
        self.done = True
