"""A worker in reserve: it has imported what takes seconds, and steps in when another one dies."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from darkroom.supervision.process import Process
from darkroom.supervision.programs import spare_command, worker_command
from darkroom.supervision.supervisor import Service

CALM = 10.0
"""Seconds before the next spare is started: its imports take the processor for several, and the
first pictures come before them."""


class Spare:
    """At most one worker that waits to become any of those that are tended here.

    It touches no device and no Redis. What it waits on is a pipe: it ends with this process, and
    killing it costs nobody anything.
    """

    def __init__(self, log: Path, ended: Callable[[Process], None]) -> None:
        self._log = log
        self.service = Service("spare worker", self._start, 0, ended, due=math.inf)

    def prepare(self) -> None:
        """Have one, in a while."""
        self.service.due = time.monotonic() + CALM

    def _start(self) -> Process:
        return Process(spare_command(), log=self._log, death_signal=signal.SIGKILL, listening=True)

    def become(self, name: str, *, log: Path, environment: Mapping[str, str]) -> Process | None:
        """The worker of this name, if one waits to be one; None where none does.

        The next one waits after a while.
        """
        process = self.service.process
        if process is None or process.exit_code() is not None:
            return None
        order = {"name": name, "log": str(log.absolute()), "environment": {**environment}}
        try:
            process.become(json.dumps(order), command=worker_command(name), log=log)
        except OSError:
            return None
        self.service.process = None
        self.prepare()
        return process
