"""schemathesis reads the served document and sends what it allows and what it forbids."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from redis import Redis

from jobs.images import ImageStore
from tests.server.helpers import API, HandWorker, gunicorn

SECONDS = 40
"""For all its phases: a few hundred requests, and two minutes even where the machine is slow."""

EXCLUDED = "positive_data_acceptance"
"""The one check left out: a model's name, a cursor and a size are right or wrong for reasons that
a schema cannot say, so a request that fits the schema may still be refused with 422."""


@pytest.mark.timeout(300)
def test_no_request_gets_an_answer_that_the_document_does_not_know(
    redis_url: str, redis: Redis, tmp_path: Path
):
    worker = HandWorker(redis, ImageStore(str(tmp_path / "images")))
    worker.advertise()
    with gunicorn(redis_url, tmp_path) as server:
        with server.client() as client:
            job_id = client.post("jobs", json={"prompt": "red apple"}).json()["id"]
        [image] = worker.run(job_id)
        # Without a picture that is there, only the 404 of its route would be seen.
        config = tmp_path / "schemathesis.toml"
        config.write_text(f'[parameters]\n"path.image_id" = "{image}"\n')

        over = threading.Event()
        alive = threading.Thread(target=_stay_alive, args=(worker, over))
        alive.start()
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        options = [
            *("--checks", "all", "--exclude-checks", EXCLUDED),
            *("--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-time", str(SECONDS), "--request-timeout", "10", "--no-color"),
        ]
        try:
            result = subprocess.run(
                [*command, *options, f"{server.url}{API}/openapi.json"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=280,
            )
        finally:
            over.set()
            alive.join()
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert "Missing test data" not in result.stdout
    assert "14 selected / 14 total" in result.stdout
    log = (tmp_path / "server.log").read_text()
    assert "nobody foresaw" not in log


def _stay_alive(worker: HandWorker, over: threading.Event) -> None:
    while not over.wait(2):
        worker.advertise()
