"""What lies around the model, in milliseconds of the processors.

    python -m benchmarks.server.around [--short]

- Pictures: PNG as we write it beside Pillow's fastest, and renditions.
- Requests: each by HTTP at gunicorn, beside a bare Flask application that answers the same bytes
  under the same gunicorn; how much of its rate ours has, and how much of the processors each takes.
- A job where the model costs nothing: what it takes API, worker and Redis, with the commands that
  Redis runs for it.

Results go to benchmarks/results/around.json.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis import Redis

from benchmarks import RESULTS, ROOT, machine, save
from benchmarks.server.files import pictures
from tests.running.addresses import free_port
from tests.running.commands import commands
from tests.running.services.redis import redis_in

JOBS = "/api/v1/jobs"
BARE = """
import os, pathlib
from flask import Flask, Response
app = Flask("bare")
body = pathlib.Path(os.environ["BODY"]).read_bytes()
app.add_url_rule("/<path:any>", "any", lambda any: Response(body, content_type="application/json"))
"""
"""Flask without anything of ours."""

START = 240.0
WAIT = 120.0


def processor_seconds(pid: int) -> float:
    """What a process and its children have used so far."""
    every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in every)


@contextmanager
def program(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts."""
    every = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=every, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def until(true: Callable[[], object], seconds: float) -> None:
    """Wait until something is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether something is served there."""
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.TransportError:
        return False


class Asked:
    """One connection to a server, kept, and what the server has used of the processors."""

    def __init__(self, port: int, pid: int) -> None:
        self._port, self._pid = port, pid

    def cost(self, path: str, times: int) -> dict[str, float]:
        """Requests a second, and milliseconds of the processors for each."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        before, began = processor_seconds(self._pid), time.perf_counter()
        for _ in range(times):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
        seconds = time.perf_counter() - began
        connection.close()
        ms = 1000 * (processor_seconds(self._pid) - before) / times
        return {"a_second": round(times / seconds, 1), "ms": round(ms, 2)}


def requests(api: Asked, url: str, job: str, folder: Path, times: int) -> dict[str, Any]:
    """Each request beside bare Flask, in turn."""
    picture = httpx.get(f"{url}{JOBS}/{job}").json()["outputs"][0]["url"]
    found: dict[str, Any] = {}
    paths = {"list": JOBS, "job": f"{JOBS}/{job}", "picture": picture, "health": "/api/v1/health"}
    (folder / "bare.py").write_text(BARE)
    for name, path in paths.items():
        (folder / "body").write_bytes(httpx.get(url + path).content)
        port = free_port()
        bare = ("-m", "gunicorn", "bare:app", "-k", "gthread", "--threads", "16")
        options = ("--bind", f"127.0.0.1:{port}", "--chdir", str(folder), "--log-level", "error")
        log = folder / "bare.log"
        with program(*bare, *options, log=log, BODY=str(folder / "body")) as process:
            until(lambda port=port: answers(f"http://127.0.0.1:{port}/x"), START)
            flask = Asked(port, process.pid)
            rounds = [(api.cost(path, times), flask.cost("/x", times)) for _ in range(5)]
        middle = [
            {
                key: statistics.median(each[side][key] for each in rounds)
                for key in ("a_second", "ms")
            }
            for side in (0, 1)
        ]
        share = statistics.median(ours["a_second"] / its["a_second"] for ours, its in rounds)
        found[name] = {"ours": middle[0], "flask": middle[1], "share_of_its_rate": round(share, 2)}
        print(name, found[name], flush=True)
    return found


def jobs(url: str, redis: Redis, pids: dict[str, int], times: int) -> dict[str, Any]:
    """What one job takes of whom, where the model costs nothing."""
    body = {"prompt": "red apple, 3d", "steps": 20}

    def send() -> str:
        return httpx.post(url + JOBS, json=body).raise_for_status().json()["id"]

    def ended(job: str) -> bool:
        return redis.hget(f"rq:job:{job}", "status") == b"finished"

    def finished(every: list[str]) -> None:
        until(lambda: all(ended(each) for each in every[-3:]), WAIT)
        until(lambda: all(ended(each) for each in every), WAIT)

    finished([send() for _ in range(5)])
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    with httpx.Client(base_url=url) as client:
        every = [client.post(JOBS, json=body).json()["id"] for _ in range(times)]
    finished(every)
    seconds = time.perf_counter() - began
    each = {
        name: round(1000 * (processor_seconds(pid) - before[name]) / times, 2)
        for name, pid in pids.items()
    }
    with commands(redis) as counted:
        finished([send()])
    polls = sum(each in ("HGET", "GET", "BLPOP") for each in counted.sent)
    return {
        "ms": each,
        "jobs_a_second": round(times / seconds, 1),
        "commands_sent": len(counted.sent) - polls,
        "commands_in_scripts": len(counted.in_scripts),
    }


def measure(short: bool) -> dict[str, Any]:
    times = 3 if short else 9
    found: dict[str, Any] = machine() | {"pictures": pictures(times)}
    print(json.dumps(found["pictures"], indent=1), flush=True)
    with tempfile.TemporaryDirectory(prefix="darkroom-") as name:
        folder, port = Path(name), free_port()
        with redis_in(folder / "redis") as server, Redis.from_url(server.url) as redis:
            own = {
                "REDIS_URL": server.url,
                "DATA": str(folder),
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "WARM_UP": "false",
                "BACKEND": "torch",
                "REQUESTS_PER_MINUTE": "0",
                "REQUESTS_PER_MINUTE_TOTAL": "0",
            }
            gunicorn = ("-m", "gunicorn", "-c", "python:server.serving.gunicorn_config")
            free = ("-m", "benchmarks.server.free_worker")
            with (
                program(*gunicorn, log=folder / "api.log", **own) as api,
                program(*free, log=folder / "worker.log", **own) as worker,
            ):
                url = f"http://127.0.0.1:{port}"
                until(lambda: answers(f"{url}/api/v1/ready"), START)
                pids = {
                    "api": api.pid,
                    "worker": worker.pid,
                    "redis": int(redis.info("server")["process_id"]),
                }
                found["job"] = jobs(url, redis, pids, 40 if short else 200)
                print(found["job"], flush=True)
                job = httpx.get(url + JOBS).json()["jobs"][0]["id"]
                asked = Asked(port, api.pid)
                found["requests"] = requests(asked, url, job, folder, 60 if short else 300)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What lies around the model")
    parser.add_argument("--short", action="store_true", help="a tenth of the time")
    parser.add_argument("--output", type=Path, default=RESULTS / "around.json")
    options = parser.parse_args()
    save(measure(options.short), options.output)


if __name__ == "__main__":
    main()
