"""Keeps child processes running: starts them again when they end, and ends them in order."""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from darkroom.supervision.process import Process

LONGEST_DELAY = 30.0
"""Seconds between two tries of a program that ends at once: seldom enough to read the log."""

STEADY = 60.0
"""Seconds after which a run counts as good, so that the next end is answered at once again."""


def _nobody(process: Process) -> None:
    pass


Handler = Callable[[int, FrameType | None], Any] | int | None


@dataclass
class Service:
    """One child that has to run: how to start it, and how to end it.

    `start` makes a new process each time. `ended` hears of each process that ended by itself.
    `grace` is how long it may take to stop; None lets it take the time it needs.
    """

    title: str
    start: Callable[[], Process]
    grace: float | None
    ended: Callable[[Process], None] = _nobody
    process: Process | None = None
    failures: int = 0
    due: float = 0.0

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it if it is not running and its time has come; never waits."""
        now = time.monotonic()
        if self.process and (code := self.process.exit_code()) is not None:
            process, self.process = self.process, None
            # What it started itself would keep its port or its device.
            process.kill_group()
            self.failures = 1 if now - process.started > STEADY else self.failures + 1
            delay = _delay(self.failures)
            self.due = now + delay
            when = f"in {delay:.0f} s" if delay else "now"
            say(f"{self.name} ended ({describe(code)}); starting it again {when}.")
            self.ended(process)
        if self.process is None and now >= self.due:
            try:
                self.process = self.start()
            except OSError as error:
                self.failures += 1
                self.due = now + max(_delay(self.failures), 1.0)
                say(f"{self.name} cannot be started: {error}.")

    @property
    def name(self) -> str:
        """The title as the beginning of a sentence."""
        return self.title[0].upper() + self.title[1:]

    def runs(self) -> bool:
        return self.process is not None and self.process.exit_code() is None

    def send(self, number: signal.Signals) -> None:
        if self.process:
            self.process.send(number)

    def kill(self) -> None:
        """End it at once, with all that it started."""
        if self.process:
            self.process.kill_group()

    def close(self) -> None:
        """Take leave of a process that has ended because it was told to."""
        if self.process:
            self.process.kill_group()
            self.ended(self.process)
            self.process = None


class Supervisor:
    """Tends stages of services until told to stop; then ends the last stage first.

    A second signal while stopping is passed on, so that a worker gives its jobs back instead of
    finishing them; a third ends everything at once.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.stages: list[list[Service]] = []
        self.stops = 0
        self._reader, self._writer = socket.socketpair()
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Supervisor:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._count_stop)
        # Only so that a death ends the wait at once.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _ignore)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._reader.close()
            self._writer.close()

    def tend(self, wait: float) -> None:
        """Look after every service, then wait for a death, a signal or `wait` seconds."""
        for stage in self.stages:
            for service in stage:
                service.tend(self.say)
        self._wait(wait)

    def stop(self) -> None:
        """End every service: the last stage first, all of a stage at the same time."""
        while self.stages:
            self._stop(self.stages.pop())

    def _stop(self, stage: list[Service]) -> None:
        started, passed_on, waiting = time.monotonic(), min(self.stops, 1), False
        for service in stage:
            service.send(signal.SIGTERM)
        while running := [service for service in stage if service.runs()]:
            self._wait(0.1)
            lasted = time.monotonic() - started
            if again := self.stops > passed_on:
                passed_on = self.stops
            for service in running:
                if again:
                    service.send(signal.SIGTERM)
                if self.stops > 2 or (service.grace is not None and lasted > service.grace):
                    service.kill()
            if not waiting and lasted > 2 and any(service.grace is None for service in running):
                waiting = True
                self.say("Finishing the pictures that are begun. Ctrl-C again: leave them queued.")
        for service in stage:
            service.close()

    def _wait(self, seconds: float) -> None:
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            while self._reader.recv(64):
                pass

    def _count_stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1


def describe(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _delay(failures: int) -> float:
    return 0.0 if failures <= 1 else min(2.0 ** (failures - 2), LONGEST_DELAY)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
