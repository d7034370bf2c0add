"""Each caller has their own progress, and ends their own job only."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image
from webuiapi import WebUIApi

from tests.compat.a1111.client import QUICK, SIDE, connect, same
from tests.running.waiting import until

LONG: dict[str, Any] = {**QUICK, "steps": 150}
CALLERS = 10


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CALLERS) as pool:
        yield pool


def start(pool: ThreadPoolExecutor, api: WebUIApi, seed: int = 1, **options: Any) -> Future[Any]:
    return pool.submit(lambda: api.txt2img(prompt="red apple, 3d", seed=seed, **options))


def steps_made(api: WebUIApi) -> int:
    return api.get_progress()["state"]["sampling_step"]


@pytest.mark.endpoint("GET /sdapi/v1/progress")
def test_without_a_job_there_is_no_progress(address: str) -> None:
    said = connect(address, "idle").get_progress()
    assert said["progress"] == said["state"]["job_count"] == 0
    assert said["current_image"] is None
    assert set(said["state"]) == {
        "skipped",
        "interrupted",
        "stopping_generation",
        "job",
        "job_count",
        "job_timestamp",
        "job_no",
        "sampling_step",
        "sampling_steps",
    }


@pytest.mark.endpoint("GET /sdapi/v1/progress")
@pytest.mark.endpoint("POST /sdapi/v1/interrupt")
def test_a_job_is_seen_under_way_and_interrupted(address: str, pool: ThreadPoolExecutor) -> None:
    api = connect(address, "anna")
    job = start(pool, api, **LONG)
    until(lambda: steps_made(api) > 2)
    said = api.get_progress()
    assert 0 < said["progress"] < 1
    assert said["state"]["job_count"] == 1
    assert said["state"]["sampling_steps"] == 150
    preview = Image.open(io.BytesIO(base64.b64decode(said["current_image"], validate=True)))
    assert preview.width == preview.height
    without = api.session.get(f"{api.baseurl}/progress?skip_current_image=true").json()
    assert without["current_image"] is None
    assert without["state"]["job_count"] == 1
    assert api.interrupt() == {}
    result = job.result(30)
    assert result.images == []
    assert result.info["seed"] == 1
    assert result.info["infotexts"] == []
    assert api.get_progress()["state"]["job_count"] == 0


@pytest.mark.endpoint("POST /sdapi/v1/skip")
def test_skip_ends_the_callers_job(address: str, pool: ThreadPoolExecutor) -> None:
    api = connect(address, "bert")
    job = start(pool, api, **LONG)
    until(lambda: steps_made(api) > 0)
    assert api.skip() is None
    assert job.result(30).images == []


@pytest.mark.endpoint("POST /sdapi/v1/interrupt")
def test_an_interrupt_without_a_job_does_nothing(address: str) -> None:
    assert connect(address, "idle").interrupt() == {}


def test_one_callers_interrupt_does_not_stop_anothers_job(
    address: str, pool: ThreadPoolExecutor
) -> None:
    anna, bert = connect(address, "anna"), connect(address, "bert")
    hers, his = start(pool, anna, 1, **LONG), start(pool, bert, 2, **{**QUICK, "steps": 40})
    until(lambda: steps_made(anna) > 0 and steps_made(bert) > 0)
    anna.interrupt()
    assert hers.result(30).images == []
    result = his.result(60)
    assert [picture.size for picture in result.images] == [(SIDE, SIDE)]
    assert result.info["all_seeds"] == [2]


@pytest.mark.slow
@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
@pytest.mark.endpoint("GET /sdapi/v1/progress")
def test_ten_callers_at_once_get_their_own_progress_and_pictures(
    address: str, pool: ThreadPoolExecutor
) -> None:
    callers = [connect(address, f"caller-{number}") for number in range(CALLERS)]
    # Each with another number of steps, by which progress tells whose job it is about.
    asked = [{**QUICK, "steps": 8 + number} for number in range(CALLERS)]
    jobs = [start(pool, api, 100 + n, **asked[n]) for n, api in enumerate(callers)]
    seen: dict[int, set[int]] = {number: set() for number in range(CALLERS)}
    while not all(job.done() for job in jobs):
        for number, api in enumerate(callers):
            said = api.session.get(f"{api.baseurl}/progress?skip_current_image=true").json()
            if said["state"]["job_count"]:
                seen[number].add(said["state"]["sampling_steps"])
        time.sleep(0.3)
    assert seen == {number: {8 + number} for number in range(CALLERS)}
    results = [job.result() for job in jobs]
    assert [result.info["all_seeds"] for result in results] == [[100 + n] for n in range(CALLERS)]
    for number in (0, 4, 9):
        alone = callers[number].txt2img(prompt="red apple, 3d", seed=100 + number, **asked[number])
        assert same(alone.image, results[number].image)
