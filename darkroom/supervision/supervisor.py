"""Keeps child processes running: starts them again when they end, and ends them in order."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from darkroom.supervision.process import Process
from jobs.signals import Signals

LONGEST_DELAY = 30.0
"""Seconds between two tries of a program that ends at once: seldom enough to read the log."""

STEADY = 60.0
"""Seconds after which a run counts as good, so that the next end is answered at once again."""


def _nobody(process: Process) -> None:
    pass


@dataclass
class Service:
    """One child that has to run: how to start it, and how to end it.

    `start` makes a new process each time. `ended` hears of each process that ended by itself.
    `grace` is how long it may take to stop; None lets it take the time it needs, and `hurry` is
    the signal for when it is to leave what it has begun. `farewell` is how long what a dead process
    leaves behind may go on beside its successor.
    """

    title: str
    start: Callable[[], Process]
    grace: float | None
    ended: Callable[[Process], None] = _nobody
    hurry: signal.Signals = signal.SIGTERM
    farewell: float = 0.0
    process: Process | None = None
    failures: int = 0
    due: float = 0.0
    leaving: list[tuple[float, Process]] = field(default_factory=list[tuple[float, Process]])

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it if it is not running and its time has come; never waits."""
        now = time.monotonic()
        if self.process and (code := self.process.exit_code()) is not None:
            process, self.process = self.process, None
            # What it started itself would keep its port or its device.
            self.leaving.append((now + self.farewell, process))
            self._see_off(now)
            self.failures = 1 if now - process.started > STEADY else self.failures + 1
            delay = _delay(self.failures)
            self.due = now + delay
            when = f"in {delay:.0f} s" if delay else "now"
            say(f"{self.name} ended ({describe(code)}); starting it again {when}.")
            self.ended(process)
        self._see_off(now)
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
        self._see_off(math.inf)
        if self.process:
            self.process.kill_group()

    def _see_off(self, now: float) -> None:
        while self.leaving and self.leaving[0][0] <= now:
            self.leaving.pop(0)[1].kill_group()

    def close(self) -> None:
        """Take leave of a process that has ended because it was told to."""
        self._see_off(math.inf)
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
        self._stops = 0
        self._woken = False
        # A death only ends the wait at once.
        self._signals = Signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def __enter__(self) -> Supervisor:
        self._signals.__enter__()
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
            self._signals.__exit__(kind, error, trace)
            with suppress(EOFError):
                while True:
                    self._note(0)

    @property
    def stops(self) -> int:
        """How often it was told to stop."""
        self._note(0)
        return self._stops

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
                if passed_on == 2 and any(service.grace is None for service in running):
                    self.say("Leaving them after the step at hand. Ctrl-C again: end at once.")
            for service in running:
                if again:
                    service.send(service.hurry)
                if self.stops > 2 or (service.grace is not None and lasted > service.grace):
                    service.kill()
            if not waiting and lasted > 2 and any(service.grace is None for service in running):
                waiting = True
                self.say("Finishing the pictures that are begun. Ctrl-C again: leave them queued.")
        for service in stage:
            service.close()

    def _wait(self, seconds: float) -> None:
        self._note(0.0 if self._woken else seconds)
        self._woken = False

    def _note(self, seconds: float) -> None:
        for number in self._signals.wait(seconds):
            self._woken = True
            self._stops += number != signal.SIGCHLD


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
