"""A worker whose model costs nothing: what is left is what the worker itself takes for a job.

REDIS_URL=... DATA=... python -m benchmarks.server.free_worker [--side 512] [--seconds 0]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from jobs import logs
from jobs.connection import WORKER_TIMEOUT, connect
from jobs.pictures.image_store import ImageStore
from jobs.records.metrics import Metrics
from jobs.settings import settings
from worker import build
from worker.engine import Engine, Finished, ImageRequest
from worker.main import new_name

SIDE = 512


class FreeEngine(Engine):
    """Finishes every picture at its first step; `seconds` is what each step takes, asleep."""

    seconds = 0.0
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked: list[str] = []

    def add(self, task_id: str, request: ImageRequest, **_: Any) -> None:
        """Take a picture in."""
        self._asked.append(task_id)

    def cancel(self, task_id: str) -> None:
        """Let go of a picture."""
        if task_id in self._asked:
            self._asked.remove(task_id)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._asked

    def step(self) -> list[Finished]:
        """Finish all that is here."""
        time.sleep(self.seconds)
        asked, self._asked = self._asked, []
        return [Finished(each, self.picture, None, 5, 1) for each in asked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=SIDE, help="pixels of a picture's side")
    parser.add_argument("--seconds", type=float, default=0.0, help="what a step takes, asleep")
    options = parser.parse_args()
    logs.set_up("worker")
    dice = np.random.default_rng(0)
    soft = np.linspace(0, 200, options.side)[:, None, None] + dice.integers(
        0, 8, (options.side, options.side, 3)
    )
    FreeEngine.picture, FreeEngine.seconds = soft.astype(np.uint8), options.seconds
    build.Engine = FreeEngine  # pyright: ignore[reportPrivateImportUsage]
    connection = connect(timeout=WORKER_TIMEOUT)
    build.build_worker(new_name(), connection, settings(), ImageStore(), Metrics()).work()


if __name__ == "__main__":
    main()
