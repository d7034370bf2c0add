"""Signals counted one by one, however busy Python is.

Python runs a handler between two of its own instructions, and once for all the signals of a kind
that came since: two Ctrl-C during one long call into C would be one. What the interpreter writes
to a wake-up descriptor at the moment a signal comes is a byte for each.
"""

from __future__ import annotations

import select
import signal
import socket
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

GIVE_BACK = signal.SIGUSR1
"""Tells a worker to give its jobs back to their lanes at once. One that cannot be taken for the
first SIGTERM: the kernel keeps one of each kind for a process that it does not let run."""

Handler = Any
"""What `signal.signal` takes and gives; no type of its own names it."""


class Signals:
    """While it is entered, in the main thread, each of these signals is noted and does no more."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._before: dict[signal.Signals, Handler] = {}
        self._wakeup = -1

    def __enter__(self) -> Signals:
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = signal.signal(number, _noted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._writer.close()

    def wait(self, seconds: float | None = None) -> list[int]:
        """The signals that came since the last call, each as often as it came.

        Waits for one, this long at most; any thread may. Raises EOFError once it is left.
        """
        select.select([self._reader], [], [], seconds)
        came: list[int] = []
        with suppress(BlockingIOError):
            while data := self._reader.recv(64):
                came += data
            if not came:
                self._reader.close()
                raise EOFError
        return [number for number in came if number in self._numbers]


def _noted(number: int, frame: FrameType | None) -> None:
    pass
