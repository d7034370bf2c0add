"""A worker in reserve: it has imported everything, and is the next one at once when one dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jobs.connection import connect
from jobs.records import workers
from tests.running.addresses import free_port
from tests.running.processes.up import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(tmp_path_factory.mktemp("spare") / "data", free_port(), SPARE_WORKER="true")
    try:
        started.wait_for("curl http", 120)
        yield started
    finally:
        started.end()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_spare_becomes_the_worker_that_was_killed(running: Running) -> None:
    spare = _next_spare(running)
    worker = running.child("--name")
    asked = {"prompt": "red apple", "steps": 40, "count": 2}
    job = httpx.post(f"{running.url}/api/v1/jobs", json=asked, timeout=30).json()
    running.wait_until(lambda: _job(running, job)["status"] == "running")
    worker.kill()
    running.wait_until(lambda: _job(running, job)["status"] == "succeeded", 120)

    assert _job(running, job)["attempts"] == 2
    (offering,) = workers.live(connect(running.redis_url()))
    assert offering.pid == spare.pid
    log = Path(running.environment["DATA"], "logs", "worker-1.log").read_text()
    assert f"{offering.name} offers" in log, "it writes where the worker's log is"
    assert _next_spare(running, spare), "for the next time"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_spare_costs_no_job_and_the_next_one_comes(running: Running) -> None:
    worker = workers.live(connect(running.redis_url()))[0].pid
    spare = _next_spare(running, psutil.Process(worker))
    job = httpx.post(
        f"{running.url}/api/v1/jobs", json={"prompt": "red apple", "steps": 4}, timeout=30
    ).json()
    spare.kill()
    running.wait_until(lambda: _job(running, job)["status"] == "succeeded")

    assert _job(running, job)["attempts"] == 1
    assert _next_spare(running, spare, psutil.Process(worker))


def _next_spare(running: Running, *others: psutil.Process) -> psutil.Process:
    """The one that waits, once there is one; `others` began as spares too."""
    found: list[psutil.Process] = []

    def waits() -> bool:
        found[:] = [each for each in running.children("--spare") if each not in others]
        return bool(found)

    running.wait_until(waits, 120)
    return found[0]


def _job(running: Running, job: dict[str, Any]) -> dict[str, Any]:
    return httpx.get(f"{running.url}/api/v1/jobs/{job['id']}", timeout=30).json()
