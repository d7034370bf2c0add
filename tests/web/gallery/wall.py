"""A server with very many pictures, and a worker by hand that makes more."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from redis import Redis
from rq.job import Job

from jobs.lists import listing
from jobs.pictures.image_store import image_id
from jobs.queue import queue
from jobs.recipes.infotext import Maker
from jobs.records.record import Field, read
from jobs.request.request import GenerationRequest, ResolvedRequest
from jobs.request.resolve import resolve
from tests.running.hand_worker import CARD, HandWorker
from worker.canvas.png import encode

MANY = 1500
"""Pictures of the wall, several times as many as a page may hold."""

VERY_MANY = 5000
"""Of the one that only the slow tests scroll through."""

KINDS = [
    ("blue boat, 3d", (64, 64)),
    ("red apple on a wooden table", (96, 64)),
    ("tall green tree", (64, 96)),
    ("yellow house", (64, 64)),
    ("purple cat, flat", (128, 64)),
]
"""What the many are of, in turn."""


@dataclass
class Wall:
    """A server with pictures, and the worker that makes more of them at once."""

    url: str
    redis: Redis
    worker: HandWorker

    def make(self, prompt: str, **fields: Any) -> str:
        """A job that has ended; its newest picture is at the top of the gallery."""
        return self.finish(self.ask(prompt, **fields))

    def ask(self, prompt: str, **fields: Any) -> str:
        asked = GenerationRequest(prompt=prompt, **fields)
        return queue.submit(self.redis, resolve(asked, [CARD], {}), "local").id

    def finish(self, job_id: str) -> str:
        record = read(self.redis, job_id)
        assert record
        pixels = np.full((48, 64, 3), np.random.default_rng().integers(60, 220, 3), np.uint8)
        self.worker.begin(job_id)
        self.worker.finish(job_id, encode(pixels, record.request, 0, Maker("1", None)))
        return job_id

    def pictures(self, job_id: str) -> list[str]:
        """Ids of what a job has made and nobody deleted."""
        record = read(self.redis, job_id)
        return [output.id for output in record.outputs] if record else []

    def has(self, job_id: str) -> bool:
        return read(self.redis, job_id) is not None


def fill(wall: Wall, images: Path, many: int) -> None:
    """So many ended jobs: one of each kind is made, the others are copies of its record."""
    now = time.time_ns() // 1_000_000
    patterns: list[tuple[bytes, Path, dict[str, Any], ResolvedRequest]] = []
    for prompt, (width, height) in KINDS:
        job_id = wall.make(prompt)
        picture = images / f"{width}x{height}.png"
        Image.effect_mandelbrot((width, height), (-2, -1, 1, 1), 20).save(picture)
        key = Job.key_for(job_id).encode()
        output = json.loads(wall.redis.hget(key, Field.OUTPUTS) or b"")[0]
        record = read(wall.redis, job_id)
        assert record
        sized = output | {"width": width, "height": height}
        patterns.append((key, picture, sized, record.request))
    with wall.redis.pipeline(transaction=False) as pipe:
        for number in range(many):
            key, picture, output, request = patterns[number % len(patterns)]
            job_id = f"{now - 1_000_000 - number:012x}{number:020x}"
            copy = Job.key_for(job_id)
            pipe.copy(key.decode(), copy)
            pipe.hset(copy, Field.OUTPUTS, json.dumps([output | {"id": image_id(job_id, 0)}]))
            listing.add(pipe, "local", job_id, request)
            # The store syncs each to the disk, which no picture of these is worth.
            folder = images / job_id[30:32]
            folder.mkdir(exist_ok=True)
            os.link(picture, folder / f"{image_id(job_id, 0)}.png")
        pipe.execute()
    with wall.redis.pipeline() as pipe:
        for key, *_ in patterns:
            pipe.delete(key)
            listing.remove(pipe, "local", key.decode().rpartition(":")[2])
        pipe.execute()
