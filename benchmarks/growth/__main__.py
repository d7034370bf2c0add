"""How the server's own cost grows, where the model costs nothing.

    python -m benchmarks.growth [--short]

- Workers: 1, 2 and 4 of them behind one Redis, each step of whose model is a sleep: jobs a second,
  and what a job takes of the processors of Redis.
- Waiting jobs: 1 to 10,000: what a request takes API and Redis, and one intake of a worker.
- Streams: 1 to 1,000 that follow their events: what an event takes, memory, how late they are told.

Results go to benchmarks/results/growth.json.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis import Redis
from rq.job import Job

from benchmarks import RESULTS, machine, save
from benchmarks.server.around import JOBS, START, answers, processor_seconds, program, until
from jobs.lists import listing, standing
from jobs.pictures.image_store import ImageStore
from jobs.queue import queue
from jobs.records import lanes
from jobs.records.events import StatusEvent, publish
from jobs.records.record import JobRecord, read
from tests.running.addresses import free_port
from tests.running.hand_worker import HandWorker
from tests.running.services.redis import redis_in

BODY = {"prompt": "red apple, 3d", "steps": 20}
CALLERS = 50
"""Lanes that waiting jobs are spread over."""

AT_ONCE = 500
"""Jobs that are put into the queue by one round trip."""

STEP = 0.1
"""Seconds that a worker's device takes for all that it holds."""

SETTINGS = {"MAX_QUEUE": "20000", "WARM_UP": "false", "BACKEND": "torch"}


@dataclass
class Site:
    """An API with its Redis, and the environment that workers of it have."""

    url: str
    port: int
    api: int
    redis: Redis
    environment: dict[str, str]
    folder: Path

    @property
    def redis_pid(self) -> int:
        """The process of its Redis."""
        return int(self.redis.info("server")["process_id"])


@contextmanager
def site(**settings: str) -> Iterator[Site]:
    """An API and a Redis, without a worker."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as name:
        folder, port = Path(name), free_port()
        with redis_in(folder / "redis") as server, Redis.from_url(server.url) as redis:
            own = SETTINGS | settings
            own |= {"REDIS_URL": server.url, "DATA": name, "HOST": "127.0.0.1", "PORT": str(port)}
            gunicorn = ("-m", "gunicorn", "-c", "python:server.serving.gunicorn_config")
            with program(*gunicorn, log=folder / "api.log", **own) as api:
                url = f"http://127.0.0.1:{port}"
                until(lambda: answers(f"{url}/api/v1/health"), START)
                yield Site(url, port, api.pid, redis, own, folder)


def workers(counts: list[int], jobs: int) -> dict[str, Any]:
    """Jobs a second with so many workers."""
    found: dict[str, Any] = {}
    for count in counts:
        with site(CAPACITY="8") as here:
            found[str(count)] = _with_workers(here, count, jobs)
        print("workers", count, found[str(count)], flush=True)
    return found


def _with_workers(here: Site, count: int, jobs: int) -> dict[str, float]:
    free = ("-m", "benchmarks.server.free_worker", "--side", "64", "--seconds", str(STEP))
    with ExitStack() as stack:
        for number in range(count):
            log = here.folder / f"worker-{number}.log"
            stack.enter_context(program(*free, log=log, **here.environment))
        until(lambda: here.redis.scard("darkroom:workers") >= count, START)
        with httpx.Client(base_url=here.url, timeout=30) as client:
            job = client.post(JOBS, json=BODY).raise_for_status().json()
            until(lambda: _ended(here.redis, job["id"]), START)
            record = read(here.redis, job["id"])
            assert record is not None
        began, used = time.perf_counter(), processor_seconds(here.redis_pid)
        every = [
            queue.submit(here.redis, record.request, "local", caller=f"caller{n % CALLERS}").id
            for n in range(jobs)
        ]
        # The last ones first: to look at all of them again and again is work for the same Redis.
        until(lambda: all(_ended(here.redis, each) for each in every[-20:]), 600)
        until(lambda: all(_ended(here.redis, each) for each in every), 600)
        seconds = time.perf_counter() - began
        used = processor_seconds(here.redis_pid) - used
    return {
        "jobs_a_second": round(jobs / seconds, 1),
        "redis_ms_a_job": round(1000 * used / jobs, 2),
    }


def _ended(redis: Redis, job: str) -> bool:
    return redis.hget(f"rq:job:{job}", "status") == b"finished"


def waiting(counts: list[int], times: int) -> dict[str, Any]:
    """What a request takes while so many jobs wait."""
    found: dict[str, Any] = {}
    with site() as here:
        hand = HandWorker(here.redis, ImageStore(str(here.folder / "images")))
        hand.advertise()
        client = httpx.Client(base_url=here.url, timeout=60)
        job = client.post(JOBS, json=BODY).raise_for_status().json()["id"]
        record = read(here.redis, job)
        assert record is not None
        there = 1
        for count in counts:
            if there < count:
                _fill(here.redis, record, count - there)
                there = count
            hand.advertise()
            each: dict[str, Any] = {}
            for name, method, path in (
                ("submit", "POST", JOBS),
                ("list", "GET", JOBS),
                ("waiting job", "GET", f"{JOBS}/{job}"),
            ):
                body = BODY if method == "POST" else None
                each[name] = _cost(here, client, method, path, body, times)
                hand.advertise()
            found[str(count)] = each
            print("waiting", count, each, flush=True)
            # What was submitted just now waits as well.
            there += times + 1
    return found


def _fill(redis: Redis, record: JobRecord, jobs: int) -> None:
    """Have so many more wait as if each had been submitted, without asking for each by itself."""
    template = Job.key_for(record.id)
    every = [
        lanes.lane(record.request.model, "normal", f"caller{n}") for n in range(min(jobs, CALLERS))
    ]
    pipe = redis.pipeline(transaction=False)
    for number in range(jobs):
        job, lane = queue.new_job_id(), every[number % len(every)]
        waits = lane.queue(redis)
        pipe.copy(template, Job.key_for(job))
        pipe.hset(Job.key_for(job), "origin", lane.name)
        pipe.sadd(lanes.QUEUES, waits.key)
        waits.push_job_id(job, pipeline=pipe)
        listing.add(pipe, "local", job, record.request)
        standing.add(pipe, job, record.request)
        if number % AT_ONCE == AT_ONCE - 1:
            pipe.execute()
    pipe.execute()


def _cost(
    here: Site, client: httpx.Client, method: str, path: str, body: Any, times: int
) -> dict[str, float]:
    pids = {"api": here.api, "redis": here.redis_pid}
    client.request(method, path, json=body).raise_for_status()
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        client.request(method, path, json=body).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    spent = {name: processor_seconds(pid) - before[name] for name, pid in pids.items()}
    used = {f"{name}_ms": round(1000 * each / times, 2) for name, each in spent.items()}
    return used | {"waits_ms": round(statistics.median(took), 1)}


def streams(counts: list[int], events: int) -> dict[str, Any]:
    """What an event takes while so many streams follow, and how late the last is told."""
    found: dict[str, Any] = {}
    most = max(counts)
    with site(SSE_CLIENTS=str(most + 8), SSE_CLIENTS_PER_CALLER=str(most + 8)) as here:
        hand = HandWorker(here.redis, ImageStore(str(here.folder / "images")))
        hand.advertise()
        job = httpx.post(here.url + JOBS, json=BODY).raise_for_status().json()["id"]
        with ExitStack() as stack:
            open_streams: list[socket.socket] = []
            for count in counts:
                while len(open_streams) < count:
                    open_streams.append(stack.enter_context(_stream(here.port)))
                for each in open_streams:
                    _drain(each)
                used, late = processor_seconds(here.api), list[float]()
                for _ in range(events):
                    began = time.perf_counter()
                    with here.redis.pipeline() as pipe:
                        publish(pipe, "local", StatusEvent(job=job, status="queued"))
                        pipe.execute()
                    for each in open_streams:
                        _until_told(each)
                    late.append(1000 * (time.perf_counter() - began))
                used = processor_seconds(here.api) - used
                memory = sum(each.memory_info().rss for each in psutil.Process(here.api).children())
                found[str(count)] = {
                    "api_ms_an_event": round(1000 * used / events, 2),
                    "last_told_after_ms": round(statistics.median(late), 1),
                    "api_mb": memory // 10**6,
                }
                print("streams", count, found[str(count)], flush=True)
    return found


def _stream(port: int) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", port), timeout=30)
    found.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    said = found.recv(4096)
    if b" 200 " not in said.split(b"\r\n", 1)[0]:
        raise RuntimeError(said[:300].decode(errors="replace"))
    return found


def _drain(stream: socket.socket) -> None:
    stream.settimeout(0.002)
    with suppress(TimeoutError):
        while stream.recv(65536):
            pass
    stream.settimeout(30)


def _until_told(stream: socket.socket) -> None:
    said = b""
    while b"event: status" not in said:
        said += stream.recv(65536)


def main() -> None:
    parser = argparse.ArgumentParser(description="How the server's own cost grows")
    parser.add_argument("--short", action="store_true", help="smaller numbers, in a minute")
    parser.add_argument("--only", choices=("workers", "waiting", "streams"))
    parser.add_argument("--output", type=Path, default=RESULTS / "growth.json")
    options = parser.parse_args()
    short = options.short
    # Jobs are put into the queue from here as well.
    os.environ.update(SETTINGS)
    found: dict[str, Any] = machine()
    parts = {
        "workers": lambda: workers([1, 2] if short else [1, 2, 4], 60 if short else 600),
        "waiting": lambda: waiting([1, 100] if short else [1, 10, 100, 1000, 10_000], 10),
        "streams": lambda: streams([1, 20] if short else [1, 10, 100, 1000], 10),
    }
    for name, measure in parts.items():
        if options.only in (None, name):
            found[name] = measure()
    save(found, options.output)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
