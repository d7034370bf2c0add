"""A real worker in a process of its own, to be used, stopped and killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from jobs.records import workers
from jobs.records.workers import WorkerInfo
from tests.running.processes.program import Program
from tests.running.waiting import until
from worker.main import new_name

START = 90.0
"""Seconds a worker may take to start on a busy machine: the first one waits for torch."""


class WorkerProcess:
    """`python -m worker.main` on a Redis and a data folder."""

    def __init__(self, redis: Redis, redis_url: str, data: Path, **settings: object) -> None:
        self.redis = redis
        self.data = data
        self.environment = {
            "REDIS_URL": redis_url,
            "DATA": str(data),
            # Measuring for its own sake would take the cores from the tests beside it.
            "WARM_UP": "false",
            # Without that nothing is compiled, and to look for what was takes as long as a picture.
            "BACKEND": "auto" if settings.get("warm_up") else "torch",
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        self.start()

    def start(self) -> None:
        """Start it under a new name; it is alive when this returns."""
        self.name = new_name()
        self.process = Program(
            *("worker.main", "--name", self.name),
            log=self.data / "worker.log",
            environment=self.environment,
        )
        until(lambda: self.info is not None or self.process.poll() is not None, START)
        assert self.process.poll() is None, self.log()

    @property
    def info(self) -> WorkerInfo | None:
        return next((each for each in workers.live(self.redis) if each.name == self.name), None)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it the worker stands still: what is sent meanwhile begins at once together."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, as an operator or the kernel would."""
        self.process.kill()

    def wait(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        self.process.kill()

    def log(self) -> str:
        return (self.data / "worker.log").read_text()
