"""Limits of a caller and of all: 429 with when to come back, counted once, free at the end."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from jobs import devices
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.running.services.redis import elapse, redis_in

Limited = Callable[..., FlaskClient]


def ask(client: FlaskClient, address: str = "127.0.0.1", **fields: object) -> TestResponse:
    return client.post(
        f"{API}/jobs",
        json={"prompt": "x", **fields},
        environ_overrides={"REMOTE_ADDR": address},
    )


def refused(answer: TestResponse, name: str, seconds: int) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.content_type == "application/problem+json"
    assert 0 < int(answer.headers["Retry-After"]) <= seconds
    assert f'"{name}";q=' in answer.headers["RateLimit-Policy"]
    assert re.search(rf'"{name}";r=\d+', answer.headers["RateLimit"])


def test_a_caller_has_so_many_requests_a_minute_and_another_his_own(limited: Limited):
    client = limited(requests_per_minute=3)
    for left in (2, 1, 0):
        answer = client.get(f"{API}/samplers")
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=60'
        assert re.fullmatch(rf'"requests";r={left};t=(60|59)', answer.headers["RateLimit"])
    refused(client.get(f"{API}/samplers"), "requests", 60)
    other = {"REMOTE_ADDR": "127.0.0.2"}
    assert client.get(f"{API}/samplers", environ_overrides=other).status_code == 200
    assert client.get(f"{API}/health").status_code == 200


def test_all_callers_together_have_so_many_requests_a_minute(limited: Limited):
    client = limited(requests_per_minute_total=2)
    for last in "12":
        other = {"REMOTE_ADDR": f"127.0.0.{last}"}
        assert client.get(f"{API}/samplers", environ_overrides=other).status_code == 200
    refused(client.get(f"{API}/samplers"), "requests-total", 60)


def test_a_request_that_one_limit_refuses_costs_nothing_of_the_other(limited: Limited):
    client = limited(requests_per_minute=2, requests_per_minute_total=3)
    others = {"REMOTE_ADDR": "127.0.0.2"}
    statuses = [client.get(f"{API}/samplers").status_code for _ in range(5)]
    assert statuses == [200] * 2 + [429] * 3
    answer = client.get(f"{API}/samplers", environ_overrides=others)
    assert answer.status_code == 200
    assert re.fullmatch(
        r'"requests";r=1;t=\d+, "requests-total";r=0;t=\d+', answer.headers["RateLimit"]
    )
    for _ in range(3):
        full = client.get(f"{API}/samplers", environ_overrides=others)
        refused(full, "requests-total", 60)
        assert '"requests";r=1;' in full.headers["RateLimit"]


def test_replicas_count_requests_together_and_admit_no_more_than_the_limit(
    redis_url: str, data: Path
):
    limits = {"requests_per_minute": 30, "requests_per_minute_total": 7}
    with (
        gunicorn(redis_url, data / "a", **limits) as a,
        gunicorn(redis_url, data / "b", **limits) as b,
        a.client() as one,
        b.client() as other,
        ThreadPoolExecutor(16) as pool,
    ):
        sent = [pool.submit(each.get, "samplers") for each in (one, other) * 20]
        statuses = [each.result().status_code for each in sent]
    assert (statuses.count(200), statuses.count(429)) == (7, 33)


def test_requests_are_counted_anew_when_their_minute_is_over(limited: Limited, redis: Redis):
    client = limited(requests_per_minute=1)
    assert client.get(f"{API}/samplers").status_code == 200
    assert client.get(f"{API}/samplers").status_code == 429
    elapse(redis, 50)
    assert int(client.get(f"{API}/samplers").headers["Retry-After"]) <= 10
    elapse(redis, 11)
    assert client.get(f"{API}/samplers").status_code == 200


def test_without_limits_nothing_is_said_of_them(limited: Limited, worker: HandWorker, redis: Redis):
    answer = ask(limited())
    assert answer.status_code == 202
    assert "RateLimit" not in answer.headers
    assert not redis.keys("darkroom:quota:*")
    assert not redis.keys("darkroom:rate:*")


def test_a_place_in_the_queue_is_free_again_when_its_job_runs(limited: Limited, worker: HandWorker):
    client = limited(queued_per_caller=2)
    first, _ = (ask(client).get_json()["id"] for _ in range(2))
    refused(ask(client), "queued", 600)
    assert ask(client, "127.0.0.2").status_code == 202
    worker.begin(first)
    assert ask(client).status_code == 202


def test_pictures_in_flight_count_until_their_job_has_ended_however_it_did(
    limited: Limited, worker: HandWorker
):
    client = limited(pictures_in_flight=4)
    jobs = [ask(client, count=2).get_json()["id"] for _ in range(2)]
    refused(ask(client), "in-flight", 600)
    worker.begin(jobs[0])
    assert ask(client).status_code == 429
    worker.finish(jobs[0])
    third = ask(client, count=2)
    assert third.status_code == 202
    client.post(f"{API}/jobs/{jobs[1]}/cancel")
    client.delete(f"{API}/jobs/{third.get_json()['id']}")
    assert ask(client, count=4).status_code == 202
    assert ask(client).status_code == 429


def test_the_devices_of_one_user_have_the_limits_of_one(
    limited: Limited, worker: HandWorker, redis: Redis
):
    client = limited(queued_per_caller=2, requests_per_minute=4)
    tokens = [devices.create(redis, f"phone {n}", owner="anna")[1] for n in range(4)]
    other = devices.create(redis, "phone", owner="bert")[1]

    def submit(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers).status_code

    assert [submit(token) for token in tokens] == [202, 202, 429, 429]
    assert submit(other) == 202
    listed = client.get(f"{API}/jobs", headers={"Authorization": f"Bearer {tokens[0]}"})
    refused(listed, "requests", 60)


def test_pictures_in_flight_of_all_are_limited_too(limited: Limited, worker: HandWorker):
    client = limited(pictures_in_flight_total=2)
    assert ask(client, "127.0.0.1").status_code == 202
    assert ask(client, "127.0.0.2").status_code == 202
    refused(ask(client, "127.0.0.3"), "in-flight-total", 600)


def test_pictures_a_day_are_counted_for_a_caller_and_for_all(limited: Limited, worker: HandWorker):
    client = limited(pictures_per_day=3, pictures_per_day_total=5)
    done = ask(client, count=2).get_json()["id"]
    worker.run(done)
    refused(ask(client, count=2), "day", 86400)
    assert ask(client).status_code == 202
    assert ask(client).status_code == 429
    assert ask(client, "127.0.0.2", count=2).status_code == 202
    refused(ask(client, "127.0.0.3"), "day-total", 86400)


def test_a_request_that_is_refused_costs_nothing(limited: Limited, worker: HandWorker):
    client = limited(pictures_per_day=4, queued_per_caller=1, max_queue=1000)
    first = ask(client).get_json()["id"]
    for _ in range(5):
        assert ask(client, count=3).status_code == 429
    assert ask(client, width=7).status_code == 422
    worker.run(first)
    assert ask(client, count=3).status_code == 202


def test_a_job_that_is_more_than_a_limit_by_itself_is_told_so(limited: Limited, worker: HandWorker):
    answer = ask(limited(pictures_in_flight=2), count=3)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/count"


def test_the_same_request_again_is_the_same_job_and_counts_once(
    limited: Limited, worker: HandWorker
):
    client = limited(pictures_per_day=2)
    headers = {"Idempotency-Key": "a"}
    answers = [client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    assert ask(client).status_code == 202
    assert ask(client).status_code == 429


def test_two_replicas_at_once_admit_no_more_than_the_limit(
    redis_url: str, data: Path, worker: HandWorker
):
    limits = {"queued_per_caller": 5, "pictures_per_day": 7}
    with (
        gunicorn(redis_url, data / "a", **limits) as a,
        gunicorn(redis_url, data / "b", **limits) as b,
        a.client() as one,
        b.client() as other,
        ThreadPoolExecutor(16) as pool,
    ):
        sent = [pool.submit(each.post, "jobs", json={"prompt": "x"}) for each in (one, other) * 20]
        statuses = [each.result().status_code for each in sent]
    assert (statuses.count(202), statuses.count(429)) == (5, 35)


def test_without_redis_a_limited_api_is_503_not_open(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with redis_in(tmp_path / "redis") as own:
        url = own.url
    with gunicorn(url, data, requests_per_minute=10) as server, server.client() as client:
        answer = client.get("samplers")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0


def test_one_caller_cannot_take_every_event_stream(redis_url: str, data: Path):
    settings = {"sse_clients": 8, "sse_clients_per_caller": 2, "open": "true"}
    with (
        gunicorn(redis_url, data, **settings) as server,
        server.client() as client,
        client.stream("GET", "events") as one,
        client.stream("GET", "events") as two,
    ):
        # Kept, since what nobody holds is closed.
        frames = [each.iter_raw() for each in (one, two)]
        for each in frames:
            next(each)
        full = client.get("events")
        assert full.status_code == 503
        assert int(full.headers["Retry-After"]) > 0
        assert "at most 2 of one caller" in full.json()["detail"]
        assert "SSE_CLIENTS_PER_CALLER" in full.json()["detail"]
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with (
            httpx.Client(base_url=str(client.base_url), transport=transport) as other,
            other.stream("GET", "events") as third,
        ):
            assert third.status_code == 200


def test_a_grid_that_is_not_taken_is_none_of_a_days_pictures(limited: Limited, worker: HandWorker):
    client = limited(pictures_per_day=6, queued_per_caller=2)
    seeds = {"field": "/seed", "values": [1, 2, 3]}
    body = {"request": {"prompt": "x"}, "axes": [seeds]}
    assert client.post(f"{API}/grids", json=body).status_code == 429
    assert ask(client, count=6).status_code == 202


def test_a_grid_beyond_a_limit_is_told_so_and_not_to_come_back(
    limited: Limited, worker: HandWorker
):
    client = limited(pictures_in_flight=4)
    seeds = {"field": "/seed", "values": [1, 2, 3, 4, 5]}
    answer = client.post(f"{API}/grids", json={"request": {"prompt": "x"}, "axes": [seeds]})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/axes"
    assert "make 5 pictures; 4 is the limit" in error["detail"]
