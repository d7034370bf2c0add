"""What OpenAI's client sends again by itself: what was not accepted, and never a job twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openai import APIError, BadRequestError, InternalServerError, OpenAI, RateLimitError
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.pictures.image_store import ImageStore
from tests.compat.openai.client import connect, jobs
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.waiting import until


@pytest.fixture
def openai(server: Server) -> Iterator[OpenAI]:
    with connect(server.url, max_retries=2) as client:
        yield client


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.mark.slow
def test_before_a_worker_has_started_the_client_comes_back(
    openai: OpenAI, redis: Redis, store: ImageStore, pool: ThreadPoolExecutor
):
    made = pool.submit(openai.images.generate, prompt="x")
    time.sleep(1)
    assert not jobs(redis)
    worker = HandWorker(redis, store)
    worker.advertise()
    until(lambda: jobs(redis), 20)
    worker.run(jobs(redis)[0].id)
    assert len(made.result(20).data) == 1
    assert len(jobs(redis)) == 1


@pytest.mark.slow
def test_a_client_comes_back_when_the_queue_was_full(
    worker: HandWorker, redis_server: RedisServer, data: Path, pool: ThreadPoolExecutor
):
    with (
        gunicorn(redis_server.url, data, max_queue=1) as server,
        connect(server.url) as impatient,
        connect(server.url, max_retries=5) as patient,
    ):
        first = pool.submit(patient.images.generate, prompt="first")
        until(lambda: jobs(worker.redis), 10)
        with pytest.raises(RateLimitError) as error:
            impatient.images.generate(prompt="second")
        assert error.value.code == "rate_limit_exceeded"
        assert int(error.value.response.headers["Retry-After"]) > 0
        assert "x-should-retry" not in error.value.response.headers
        second = pool.submit(patient.images.generate, prompt="second")
        time.sleep(0.5)
        worker.run(jobs(worker.redis)[0].id)
        assert len(first.result(20).data) == 1
        until(lambda: jobs(worker.redis)[0].request.prompt == "second", 20)
        worker.run(jobs(worker.redis)[0].id)
        assert len(second.result(20).data) == 1
        assert len(jobs(worker.redis)) == 2


def test_a_client_that_waited_too_long_hears_that_its_job_goes_on(
    client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("server.compat.openai.images.PATIENCE", 0.5)
    answer = client.post("/v1/images/generations", json={"prompt": "x"})
    (job,) = jobs(worker.redis)
    assert answer.status_code == 504
    assert answer.headers["x-should-retry"] == "false"
    assert job.id in answer.json["error"]["message"]
    assert job.status == "queued"


@pytest.mark.parametrize("code", ["out-of-memory", "refused"])
def test_an_accepted_job_that_fails_is_not_sent_again(
    openai: OpenAI, worker: HandWorker, pool: ThreadPoolExecutor, code: str
):
    made = pool.submit(openai.images.generate, prompt="x")
    until(lambda: jobs(worker.redis), 10)
    job = jobs(worker.redis)[0].id
    worker.begin(job)
    worker.fail(job, code, "it did not work out")
    with pytest.raises((InternalServerError, BadRequestError)) as error:
        made.result(20)
    refused = code == "refused"
    assert error.value.status_code == (400 if refused else 500)
    assert error.value.code == ("moderation_blocked" if refused else "out_of_memory")
    assert "it did not work out" in error.value.message
    assert error.value.response.headers["x-should-retry"] == "false"
    assert error.value.request_id == f"req_{job}"
    assert len(jobs(worker.redis)) == 1


def test_a_stream_ends_with_an_error_where_its_job_fails(
    openai: OpenAI, worker: HandWorker, pool: ThreadPoolExecutor
):
    def follow() -> list[object]:
        with openai.images.generate(prompt="x", stream=True) as stream:
            return list(stream)

    events = pool.submit(follow)
    until(lambda: jobs(worker.redis), 10)
    job = jobs(worker.redis)[0].id
    worker.begin(job)
    worker.fail(job, "out-of-memory", "it did not work out")
    with pytest.raises(APIError, match="it did not work out") as error:
        events.result(20)
    assert error.value.code == "out_of_memory"
    assert len(jobs(worker.redis)) == 1
