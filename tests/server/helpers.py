"""A worker whose every move a test makes by hand, and the API under a real gunicorn."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from redis import Redis
from rq.executions import Execution

from jobs import here
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue import settle, workers
from jobs.queue.events import (
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
from jobs.queue.lanes import parse
from jobs.queue.leases import LEASE, intermediate_key
from jobs.queue.record import Field, fetch, progress_json, read
from jobs.queue.workers import WorkerInfo
from tests.card import make_card

REPOSITORY = Path(__file__).parents[2]
API = "/api/v1"

CARD = make_card(samplers=["pndm", "ddim"])


def lan_address() -> str:
    """This machine as others of its network reach it; without one the test is skipped."""
    addresses = here.lan_addresses()
    if not addresses:
        pytest.skip("this machine is on no network, so everything on it is its owner")
    return addresses[0]


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

    def progress(self, job_id: str, step: int, steps: int = 20) -> int:
        """Report a step; returns how many processes listened."""
        job = fetch(self.redis, job_id)
        progress = Progress(step=step, steps=steps, fraction=step / steps)
        self.redis.hset(job.key, Field.PROGRESS, progress_json(progress, 0.5))
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

    def run(self, job_id: str) -> list[str]:
        """Begin and finish."""
        self.begin(job_id)
        return self.finish(job_id)


def elapse(redis: Redis, seconds: int) -> None:
    """Have Redis's keys age: what expires does so that much sooner, what does not stays."""
    for key in redis.scan_iter():
        left = redis.pttl(key)
        if left >= 0:
            redis.pexpire(key, max(0, left - seconds * 1000))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The API in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url + API, timeout=20)


@contextmanager
def gunicorn(redis_url: str, data: Path, **settings: object) -> Iterator[Server]:
    """The API under gunicorn, as `darkroom up` runs it, with these settings."""
    port = free_port()
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATA": str(data),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "PYTHONPATH": str(REPOSITORY),
        **{name.upper(): str(value) for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:server.serving.gunicorn_config"]
    data.mkdir(parents=True, exist_ok=True)
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, cwd=data, stderr=log, stdout=log)
    url = f"{'https' if settings.get('tls') else 'http'}://127.0.0.1:{port}"
    try:
        _await(url, process, data / "server.log")
        yield Server(process, url)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            # Whom to trust is for the tests to say.
            httpx.get(f"{url}{API}/health", timeout=2, verify=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"gunicorn does not answer:\n{log.read_text()[-3000:]}")


class Events:
    """Server-sent events as a client reads them."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Frames: `id`, `event`, `data` (parsed), `retry`, and `comment`, where there."""
        frame: dict[str, Any] = {}
        for line in self._lines:
            if not line:
                if frame:
                    yield frame
                frame = {}
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            frame[name or "comment"] = json.loads(value) if name == "data" else value

    def named(self, *names: str) -> Iterator[dict[str, Any]]:
        """Only the events of these names."""
        return (frame for frame in self if frame.get("event") in names)


def events_of(text: str) -> list[dict[str, Any]]:
    """The frames of a whole stream."""
    return list(Events(iter(text.split("\n"))))
