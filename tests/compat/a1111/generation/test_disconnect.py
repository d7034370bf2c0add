"""Clients that go away, and clients that would give up before their picture is ready."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.pictures.image_store import image_id
from jobs.queue import settle
from jobs.records import lanes
from jobs.records.events import Output
from jobs.records.record import JobRecord, fetch, read
from server.compat.a1111.generation import held
from server.compat.a1111.panel import progress as panel
from tests.running.api import Server
from tests.running.hand_worker import HandWorker, png
from tests.running.waiting import until

TXT2IMG = "/sdapi/v1/txt2img"
PROMPT = {"prompt": "a star"}
ANNA = ("anna", "any")


def queued(redis: Redis) -> list[str]:
    """Ids of the jobs that wait."""
    ids: list[str] = []
    for lane in lanes.lanes(redis):
        ids += [each.decode() for each in redis.lrange(f"rq:queue:{lane.name}", 0, -1)]
    return ids


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def give_up(
    server: Server, pool: ThreadPoolExecutor, redis: Redis, begun: HandWorker | None
) -> str:
    """Send a request and hang up before it is answered; returns the job's id."""
    with httpx.Client(auth=ANNA) as client:
        answer = pool.submit(client.post, server.url + TXT2IMG, json=PROMPT, timeout=1.5)
        until(lambda: queued(redis))
        [job_id] = queued(redis)
        if begun is not None:
            begun.begin(job_id)
        with pytest.raises(httpx.ReadTimeout):
            answer.result(20)
    return job_id


def record_of(redis: Redis, job_id: str) -> JobRecord:
    record = read(redis, job_id)
    assert record is not None
    return record


def test_a_job_that_waits_is_canceled_when_its_client_goes(
    server: Server, redis: Redis, worker: HandWorker, pool: ThreadPoolExecutor
) -> None:
    job_id = give_up(server, pool, redis, None)
    until(lambda: record_of(redis, job_id).status == "canceled")


def test_a_job_that_runs_goes_on_when_its_client_goes_and_can_be_interrupted(
    server: Server, redis: Redis, worker: HandWorker, pool: ThreadPoolExecutor
) -> None:
    """As SillyTavern ends one: it hangs up, and says so then."""
    job_id = give_up(server, pool, redis, worker)
    worker.progress(job_id, 5)
    said = httpx.get(f"{server.url}/sdapi/v1/progress?skip_current_image=1", auth=ANNA).json()
    assert said["state"]["job"] == job_id
    assert (said["progress"], said["state"]["sampling_step"]) == (0.25, 5)
    assert record_of(redis, job_id).cancel_requested is False
    httpx.post(f"{server.url}/sdapi/v1/interrupt", auth=("bert", "any"))
    assert record_of(redis, job_id).cancel_requested is False
    httpx.post(f"{server.url}/sdapi/v1/interrupt", auth=ANNA)
    assert record_of(redis, job_id).cancel_requested is True


def test_a_wait_that_is_longer_than_the_clients_patience_is_told_at_once(
    client: FlaskClient, redis: Redis, worker: HandWorker
) -> None:
    # 20 steps of 10 ms, 0.3 s to encode and decode: 1000 s in all.
    worker.info = worker.info.model_copy(update={"finish_s": 999.5})
    worker.advertise()
    phone = {"User-Agent": "okhttp/4.12.0"}
    answer = client.post(TXT2IMG, json=PROMPT, headers=phone)
    assert answer.status_code == 503
    said = json.loads(answer.text)
    assert "about 1000 s, and this client waits 110 s; it was canceled" in said["detail"]
    assert answer.headers["Retry-After"] == "890"
    assert queued(redis) == []


@pytest.mark.parametrize(
    ("agent", "seconds"), [("okhttp/4.12.0", 110.0), ("python-requests/2.32", 600.0), ("", 600.0)]
)
def test_phones_are_answered_before_they_give_up(
    client: FlaskClient, agent: str, seconds: float
) -> None:
    headers = {"User-Agent": agent}
    with client.application.test_request_context(TXT2IMG, headers=headers):
        assert held.patience() == seconds


def test_a_picture_that_is_not_ready_in_time_is_still_made(
    client: FlaskClient, redis: Redis, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "PATIENCE", 0.3)
    worker.info = worker.info.model_copy(update={"costs": []})
    worker.advertise()
    answer = client.post(TXT2IMG, json=PROMPT)
    assert answer.status_code == 504
    [job_id] = queued(redis)
    assert f"job {job_id} goes on" in json.loads(answer.text)["detail"]
    said = client.get("/sdapi/v1/progress").get_json()
    assert said["state"]["job"] == job_id
    assert said["textinfo"] == "0 jobs go before this one"
    worker.run(job_id)
    assert client.get("/sdapi/v1/progress").get_json()["state"]["job_count"] == 0


def test_an_interrupted_job_is_answered_with_what_was_made_by_then(
    client: FlaskClient, redis: Redis, worker: HandWorker, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(client.post, TXT2IMG, json=PROMPT | {"batch_size": 2, "seed": 5})
    until(lambda: queued(redis))
    [job_id] = queued(redis)
    worker.begin(job_id)
    output = Output(
        id=image_id(job_id, 0), width=64, height=48, seed=5, prompt_tokens=4, prompt_chunks=1
    )
    worker.store.put(output.id, png())
    with redis.pipeline() as pipe:
        settle.keep(pipe, fetch(redis, job_id), [output])
        settle.cancel(pipe, fetch(redis, job_id))
        pipe.execute()
    said = json.loads(answer.result(20).text)
    assert answer.result().status_code == 200
    assert len(said["images"]) == 1
    assert json.loads(said["info"])["all_seeds"] == [5]


def test_a_failed_job_is_answered_with_its_reason(
    client: FlaskClient, redis: Redis, worker: HandWorker, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(client.post, TXT2IMG, json=PROMPT)
    until(lambda: queued(redis))
    [job_id] = queued(redis)
    worker.begin(job_id)
    worker.fail(job_id, "out_of_memory", "There is no memory for one picture of this size.")
    assert answer.result(20).status_code == 500
    assert json.loads(answer.result().text) == {
        "error": "out_of_memory",
        "detail": "There is no memory for one picture of this size.",
        "body": "",
        "errors": "There is no memory for one picture of this size.",
    }
    assert client.get("/sdapi/v1/progress").get_json()["state"]["job_count"] == 0


def test_a_picture_that_is_only_stored_yet_has_its_progress_told_at_once(
    client: FlaskClient,
    redis: Redis,
    worker: HandWorker,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel, "PREVIEW_WAIT", 30.0)
    answer = pool.submit(client.post, TXT2IMG, json=PROMPT)
    until(lambda: queued(redis))
    [job_id] = queued(redis)
    worker.begin(job_id)
    worker.progress(job_id, 20, storing=1.5)
    asked = pool.submit(client.get, "/sdapi/v1/progress")
    try:
        said = asked.result(10).json
    finally:
        worker.finish(job_id)
    assert said
    assert (said["progress"], said["eta_relative"], said["textinfo"]) == (1.0, 1.5, "storing")
    assert answer.result(20).status_code == 200
