"""A class of thirty that opens a teacher's link at once: each gets its picture and its trace, and
what is kept of all of them stays within the memory that the settings allow."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from redis import Redis

from tests.running.api import gunicorn
from tests.running.paths import API
from tests.running.waiting import until
from tests.running.worker import WorkerProcess

PUPILS = 30

STEPS = 8

ALLOWED = 1
"""MB for all traces under way: a fifth of what thirty of these take."""

ASKED: dict[str, Any] = {"prompt": "red apple, 3d", "seed": 7, "steps": STEPS, "sampler": "euler"}


def peak(pid: int) -> float:
    """The most memory that a process ever had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_traces_at_once_stay_within_their_memory(
    redis: Redis, redis_url: str, tmp_path: Path
):
    worker = WorkerProcess(
        redis, redis_url, tmp_path, trace_memory_mb=ALLOWED, capacity=PUPILS, backend="torch"
    )
    try:
        with gunicorn(redis_url, tmp_path) as server:
            url = server.url

            def job(number: int, **more: Any) -> dict[str, Any]:
                with httpx.Client(base_url=url, timeout=120) as client:
                    sent = client.post(
                        f"{API}/jobs",
                        json=ASKED | more,
                        headers={"Idempotency-Key": f"{sorted(more)}-{number}"},
                    ).raise_for_status()
                    at = sent.json()["urls"]["self"]
                    until(lambda: client.get(at).json()["status"] == "succeeded", 400)
                    made = client.get(at).json()
                    picture = client.get(made["outputs"][0]["url"]).content
                    trace = client.get(made["traces"][0]["url"]).json() if made["traces"] else None
                    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.int16)
                    return {"picture": pixels, "trace": trace}

            with ThreadPoolExecutor(PUPILS) as pupils:
                # As many rows at once as the class will have: these go on long enough to meet.
                list(pupils.map(lambda number: job(number, steps=3 * STEPS), range(PUPILS)))
                # What a worker needs for the first trace that it writes, it keeps.
                plain, _ = job(PUPILS), job(PUPILS, trace=True)
                before = peak(worker.process.pid)
                traced = list(pupils.map(lambda number: job(number, trace=True), range(PUPILS)))
                grown = peak(worker.process.pid) - before
    finally:
        worker.close()
    # The same picture on every phone, within what the number of rows makes of it.
    apart = max(int(np.abs(each["picture"] - plain["picture"]).max()) for each in traced)
    assert apart <= 2
    kept = [len(each["trace"]["steps"]) for each in traced]
    left_out = [each["trace"]["left_out"] for each in traced]
    assert [one + other for one, other in zip(kept, left_out, strict=True)] == [STEPS] * PUPILS
    print(f"steps kept {sum(kept)}, left out {sum(left_out)}; the worker grew by {grown:.1f} MB")
    assert sum(left_out) > 0, "they took no more than they may, so that nothing was tried"
    assert grown < 80, "less than what the forwards of a few rows more take"
