"""A real worker in a process of its own, to be used, stopped and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from jobs.queue import workers
from jobs.queue.workers import WorkerInfo
from worker.main import new_name

REPOSITORY = Path(__file__).resolve().parents[2]
START = 90.0
"""Seconds a worker may take to import torch and diffusers on a busy machine."""


class WorkerProcess:
    """`python -m worker.main` on a Redis and a data folder."""

    def __init__(self, redis: Redis, redis_url: str, data: Path, **settings: object) -> None:
        self.redis = redis
        self.data = data
        self.environment = {
            **os.environ,
            "REDIS_URL": redis_url,
            "DATA": str(data),
            # Measuring for its own sake would take the cores from the tests beside it.
            "WARM_UP": "false",
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        self.start()

    def start(self) -> None:
        """Start it under a new name; it is alive when this returns."""
        self.name = new_name()
        with (self.data / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker.main", "--name", self.name],
                env=self.environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )
        until(lambda: self.info is not None or self.process.poll() is not None, START)
        assert self.process.poll() is None, self.log()

    @property
    def info(self) -> WorkerInfo | None:
        return next((each for each in workers.live(self.redis) if each.name == self.name), None)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, as an operator or the kernel would."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()

    def log(self) -> str:
        return (self.data / "worker.log").read_text()


def until(condition: Callable[[], object], seconds: float = 60, every: float = 0.02) -> None:
    """Wait until the condition holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(every)
