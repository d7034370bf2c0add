"""What the tests of AUTOMATIC1111's API share: its real client, and a worker that is quick."""

from __future__ import annotations

import base64
import io
from threading import Event, Thread
from typing import Any

import numpy as np
from PIL import Image
from redis import Redis
from webuiapi import WebUIApi

from jobs.records import lanes
from jobs.records.record import JobRecord, read
from tests.running.hand_worker import HandWorker

SIDE = 128
"""What the model that ships makes."""

QUICK: dict[str, Any] = {
    "width": SIDE,
    "height": SIDE,
    "steps": 3,
    "cfg_scale": 3.0,
    "sampler_name": "Euler",
}


def connect(address: str, user: str | None = None, password: str = "any") -> WebUIApi:
    """The client that everybody has; one user name is one caller."""
    password = password if user else ""
    return WebUIApi(baseurl=f"{address}/sdapi/v1", username=user, password=password)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


def same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures are equal within what other rows in the forward may change."""
    a, b = pixels(one).astype(int), pixels(other).astype(int)
    return a.shape == b.shape and np.abs(a - b).max() <= 3


def in_base64(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


class Quick:
    """Ends each job as soon as it is queued, and remembers what it was."""

    def __init__(self, redis: Redis, worker: HandWorker) -> None:
        self.redis = redis
        self.worker = worker
        self.seen: list[JobRecord] = []
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Quick:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._over.wait(0.01):
            for lane in lanes.lanes(self.redis):
                for job_id in self.redis.lrange(f"rq:queue:{lane.name}", 0, -1):
                    record = read(self.redis, job_id.decode())
                    if record is not None and record.status == "queued":
                        self.seen.append(record)
                        self.worker.run(record.id)
