"""A worker on the model that ships, and a way to send it jobs."""

from __future__ import annotations

import gc
import io
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from redis import Redis

from jobs.pictures.image_store import ImageStore, input_id
from jobs.queue import queue
from jobs.records import workers
from jobs.records.events import ENDED
from jobs.records.metrics import Metrics
from jobs.records.record import JobRecord
from jobs.request.pictures import InputPicture
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from jobs.settings import Settings
from tests.running.paths import REPOSITORY
from tests.running.site import Site
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from worker.build import build_worker
from worker.loop.rq_worker import BatchWorker

QUICK = {"prompt": "cat face, 3d", "steps": 4, "sampler": "ddim", "seed": 7}
SLOW = QUICK | {"steps": 150, "count": 2}

ROOM = 0.1
"""GB: the model that ships takes 0.07 in fp32."""


class Desk:
    """Sends jobs and waits for them, as the API does."""

    def __init__(self, redis: Redis, store: ImageStore) -> None:
        self.redis = redis
        self.store = store

    def submit(
        self,
        owner: str = "anna",
        pictures: Mapping[str, Image.Image] | None = None,
        **fields: Any,
    ) -> JobRecord:
        """Send a job, with the pictures it starts from by the pointer of their field."""
        cards = workers.offered_models(self.redis)
        job_id = queue.new_job_id()
        inputs: dict[str, InputPicture] = {}
        for number, (pointer, picture) in enumerate((pictures or {}).items()):
            stored = InputPicture(input_id(job_id, number), *picture.size)
            file = io.BytesIO()
            picture.save(file, "PNG")
            self.store.put(stored.id, file.getvalue())
            inputs[pointer] = stored
        request = resolve(GenerationRequest(**QUICK | fields), cards, inputs)
        return queue.submit(self.redis, request, owner, job_id=job_id, pictures_given=inputs)

    def read(self, record: JobRecord) -> JobRecord:
        found = queue.read(self.redis, record.id)
        assert found is not None
        return found

    def running(self, record: JobRecord, step: int = 1) -> JobRecord:
        """Wait until the job has made this many steps."""
        until(lambda: (progress := self.read(record).progress) and progress.step >= step)
        return self.read(record)

    def ended(self, record: JobRecord, seconds: float = 90) -> JobRecord:
        until(lambda: self.read(record).status in ENDED, seconds)
        return self.read(record)

    def picture(self, record: JobRecord, index: int = 0) -> bytes:
        return self.store.read(record.outputs[index].id)


@pytest.fixture
def worker(site: Site) -> WorkerProcess:
    """A worker that tests share and leave alive."""
    return site.worker


@pytest.fixture
def desk(site: Site) -> Desk:
    return Desk(site.redis, ImageStore(str(site.data / "images")))


@pytest.fixture
def start(
    redis: Redis, redis_url: str, tmp_path: Path
) -> Iterator[Callable[..., tuple[WorkerProcess, Desk]]]:
    """Starts workers of the test's own on an empty Redis; all are gone after the test."""
    started: list[WorkerProcess] = []

    def make(**settings: object) -> tuple[WorkerProcess, Desk]:
        process = WorkerProcess(redis, redis_url, tmp_path, **settings)
        started.append(process)
        return process, Desk(redis, ImageStore(str(tmp_path / "images")))

    yield make
    for process in started:
        process.close()


@pytest.fixture
def models() -> Path:
    """The models.toml of the worker `here`."""
    return REPOSITORY / "models.toml"


@pytest.fixture
def here(redis: Redis, models: Path, tmp_path: Path) -> Iterator[BatchWorker]:
    """A worker in this process, with its default model in memory and room for no other, that takes
    jobs when told to."""
    chosen = Settings(
        models=models,
        data=tmp_path,
        device="cpu",
        model_memory_gb=ROOM,
        # As a worker of its own has it in tests.
        backend="torch",
        warm_up=False,
    )
    worker = build_worker("here", redis, chosen, ImageStore(str(tmp_path)), Metrics())
    worker.offer.advertise(running=0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield worker
    for number, handler in handlers.items():
        signal.signal(number, handler)
    worker.inputs.close()
    worker.settler.close(give_back=False)
    worker.offer.models.close()
    gc.unfreeze()
