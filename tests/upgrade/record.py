"""Records what a version leaves when it is stopped: `python -m tests.upgrade.record CHECKOUT NAME`.

Runs the API and a worker of that checkout on the oldest Redis, whose files every later one reads,
and writes tests/upgrade/NAME: `redis.rdb`, the pictures, and `jobs.json`, which says what there is.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from darkroom.backup import snapshot
from tests.running.addresses import free_port
from tests.running.hand_worker import png
from tests.running.paths import API
from tests.running.services.redis import oldest_redis_in
from tests.running.waiting import until

HERE = Path(__file__).parent
QUICK = {"steps": 4, "sampler": "ddim", "seed": 7}


def main(checkout: Path, name: str) -> None:
    """Record this checkout's version under a name."""
    folder = Path(tempfile.mkdtemp())
    with ExitStack() as stack:
        redis = stack.enter_context(oldest_redis_in(folder / "redis"))
        environment = {
            **os.environ,
            "PYTHONPATH": str(checkout),
            "REDIS_URL": redis.url,
            "DATA": str(folder),
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "WARM_UP": "false",
            "CAPACITY": "1",
        }

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=checkout, env=environment
            )

        api = start("darkroom", "server")
        worker = start("darkroom", "worker")
        stack.callback(api.kill)
        stack.callback(worker.kill)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{environment['PORT']}{API}", timeout=60
        ) as client:
            until(lambda: api.poll() is not None or _answers(client), 180)
            jobs = _make_jobs(client, worker)
        api.terminate()
        api.wait()
        out = HERE / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        snapshot.take(redis.url, out / "redis.rdb")
    shutil.copytree(folder / "images", out / "images")
    (out / "jobs.json").write_text(json.dumps(jobs, indent=1) + "\n")
    shutil.rmtree(folder)


def _make_jobs(client: httpx.Client, worker: subprocess.Popen[bytes]) -> dict[str, Any]:
    def send(prompt: str, **fields: Any) -> str:
        body = QUICK | {"prompt": prompt} | fields
        answer = client.post("/jobs", json=body)
        answer.raise_for_status()
        return answer.json()["id"]

    def job(job_id: str) -> dict[str, Any]:
        return client.get(f"/jobs/{job_id}").json()

    done = send("red apple")
    until(lambda: job(done)["status"] == "succeeded")
    canceled = send("a canceled cat", steps=150)
    client.post(f"/jobs/{canceled}/cancel")
    until(lambda: job(canceled)["status"] == "canceled")
    interrupted = send("blue star", steps=150)
    until(lambda: (job(interrupted)["progress"] or {"step": 0})["step"] > 2)
    picture = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
    queued = [
        send("two green hearts", count=2),
        send("yellow sun", kind="image-to-image", image=picture),
        send("a rocket", priority="high"),
    ]
    # As a power cut would: the job that runs has a lease of nobody's.
    worker.kill()
    worker.wait()
    assert job(interrupted)["status"] == "running"
    return {
        "done": done,
        "canceled": canceled,
        "interrupted": interrupted,
        "queued": queued,
        "shown": {each: job(each) for each in (done, canceled)},
    }


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
