"""A worker whose every move a test makes by hand."""

from __future__ import annotations

import io
import os

from PIL import Image
from redis import Redis
from rq.executions import Execution

from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue import settle
from jobs.queue.leases import LEASE, intermediate_key
from jobs.records import workers
from jobs.records.events import (
    STORING,
    Error,
    Output,
    OutputEvent,
    PreviewEvent,
    Progress,
    ProgressEvent,
    StatusEvent,
    publish,
    publish_live,
)
from jobs.records.lanes import parse
from jobs.records.record import Field, fetch, progress_json, read
from jobs.records.workers import PictureCost, WorkerInfo
from tests.card import make_card

CARD = make_card(samplers=["pndm", "ddim"])

COST = PictureCost(
    model=CARD.name,
    width=CARD.width,
    height=CARD.height,
    fixed=0.01,
    per_row=0.0,
    rows=32,
    encode=0.1,
    decode=0.2,
)


def png(width: int = 64, height: int = 48, color: str = "red", mode: str = "RGB") -> bytes:
    """A picture as a worker would store it."""
    file = io.BytesIO()
    Image.new(mode, (width, height), color).save(file, "PNG")
    return file.getvalue()


class HandWorker:
    """Does to Redis what a worker does, one step at a time, through the same functions."""

    def __init__(self, redis: Redis, store: ImageStore) -> None:
        self.redis = redis
        self.store = store
        self.info = WorkerInfo(
            name="hand",
            host="here",
            pid=os.getpid(),
            device="cpu",
            models=[CARD],
            warm=["small"],
            running=0,
            capacity=4,
            jobs_per_second=2.0,
            costs=[COST],
            known=["small"],
            looked=10**9,
        )

    def advertise(self) -> None:
        workers.advertise(self.redis, self.info)

    def withdraw(self) -> None:
        workers.withdraw(self.redis, self.info.name)

    def begin(self, job_id: str) -> None:
        """Take a job out of its lane."""
        job = fetch(self.redis, job_id)
        lane = parse(job.origin)
        assert lane
        with self.redis.pipeline() as pipe:
            pipe.lrem(f"rq:queue:{job.origin}", 1, job_id)
            pipe.lrem(intermediate_key(lane), 1, job_id)
            Execution.create(job, LEASE, pipeline=pipe, worker_name="hand")
            job.prepare_for_execution("hand", pipeline=pipe)
            pipe.hincrby(job.key, Field.ATTEMPTS, 1)
            publish(pipe, settle.owner_of(job), StatusEvent(job=job_id, status="running"))
            pipe.execute()

    def progress(
        self,
        job_id: str,
        step: int,
        steps: int = 20,
        storing: float | None = None,
        detail: str | None = None,
        *,
        made: int = 0,
        reading: float | None = None,
    ) -> int:
        """Report a step, and how long it takes yet until what is made is stored, all of it unless
        it is said how many, and what it starts from is read; returns how many processes listened.
        """
        job = fetch(self.redis, job_id)
        said = detail if storing is None or made else STORING
        progress = Progress(step=step, steps=steps, fraction=step / steps, detail=said)
        self.redis.hset(
            job.key,
            Field.PROGRESS,
            progress_json(progress, 0.5, storing, made=made, reading=reading),
        )
        owner = settle.owner_of(job)
        with self.redis.pipeline(transaction=False) as pipe:
            publish_live(pipe, owner, ProgressEvent(job=job_id, progress=progress))
            publish_live(pipe, owner, PreviewEvent(job=job_id, index=0, image="data:,x"))
            return pipe.execute()[0]

    def finish(self, job_id: str, picture: bytes | None = None) -> list[str]:
        """Store the pictures and say so; returns their ids."""
        record = read(self.redis, job_id)
        assert record
        outputs = [
            Output(
                id=image_id(job_id, index),
                width=64,
                height=48,
                seed=record.request.image_seed(index),
                prompt_tokens=4,
                prompt_chunks=1,
            )
            for index in range(record.request.count)
        ]
        job = fetch(self.redis, job_id)
        with self.redis.pipeline() as pipe:
            for output in outputs:
                self.store.put(output.id, picture or png())
                publish(pipe, record.owner, OutputEvent(job=job_id, output=output))
            settle.succeed(pipe, job, "hand", outputs)
            pipe.execute()
        return [output.id for output in outputs]

    def fail(self, job_id: str, code: str, detail: str) -> None:
        job = fetch(self.redis, job_id)
        with self.redis.pipeline() as pipe:
            settle.fail(pipe, job, "hand", Error(code=code, detail=detail))
            pipe.execute()

    def cancel(self, job_id: str) -> None:
        """End a job that was canceled while it ran."""
        job = fetch(self.redis, job_id)
        with self.redis.pipeline() as pipe:
            settle.cancel(pipe, job)
            pipe.execute()

    def run(self, job_id: str) -> list[str]:
        """Begin and finish."""
        self.begin(job_id)
        return self.finish(job_id)
