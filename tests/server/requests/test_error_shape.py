"""Every error has one shape, whoever raises it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from server.app import create_app
from server.resources import of
from tests.running.addresses import free_port
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

REQUESTS: dict[str, tuple[int, Callable[[FlaskClient], Any]]] = {
    "unknown path": (404, lambda c: c.get("/nothing")),
    "unknown path of the API": (404, lambda c: c.get(f"{API}/nothing")),
    "unknown job": (404, lambda c: c.get(f"{API}/jobs/x")),
    "unknown picture": (404, lambda c: c.get(f"{API}/images/x")),
    "wrong method": (405, lambda c: c.put(f"{API}/jobs")),
    "broken JSON": (400, lambda c: c.post(f"{API}/jobs", data="{", content_type=JSON)),
    "wrong type": (415, lambda c: c.post(f"{API}/jobs", data="x")),
    "too large": (413, lambda c: c.post(f"{API}/jobs", data=b"x" * 2**26, content_type=JSON)),
    "wrong field": (422, lambda c: c.post(f"{API}/jobs", json={"steps": 0})),
    "wrong query": (422, lambda c: c.get(f"{API}/jobs?limit=x")),
    "wrong signature": (403, lambda c: c.get(f"{API}/images/x?expires=1&signature=x")),
    "no worker": (503, lambda c: c.get(f"{API}/ready")),
}
JSON = "application/json"


def check(answer: Any, status: int) -> None:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    # A sentence that clients know to say in other languages has its wording beside it.
    told = [name for name in answer.json if name != "wording"]
    assert told == ["type", "title", "status", "detail", "errors"]
    assert answer.json["status"] == status
    assert answer.json["type"].startswith("urn:darkroom:")
    assert answer.json["detail"]
    for error in answer.json["errors"]:
        assert list(error) in (["pointer", "detail"], ["pointer", "detail", "wording"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("name", REQUESTS)
def test_every_error_has_the_one_shape(client: FlaskClient, name: str):
    status, request = REQUESTS[name]
    check(request(client), status)


def test_a_wrong_method_says_which_are_right(client: FlaskClient):
    allowed = client.put(f"{API}/jobs").headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


def test_an_error_nobody_foresaw_tells_the_log_and_not_the_caller(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: Any
):
    def broken(*_: object) -> None:
        raise RuntimeError("the secret path")

    monkeypatch.setattr("server.requests.named.read", broken)
    answer = client.get(f"{API}/jobs/x")
    check(answer, 500)
    assert "secret" not in answer.text
    assert "the secret path" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("gone"),
        ResponseError("Command # 1 of pipeline caused error: MISCONF Errors writing to the AOF"),
    ],
)
def test_redis_that_cannot_is_503(
    client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("jobs.queue.queue.submit", refuse)
    check(client.post(f"{API}/jobs", json={"prompt": "x"}), 503)


def test_a_full_memory_takes_no_job_and_shows_those_there_are(
    client: FlaskClient, worker: HandWorker
):
    job = client.post(f"{API}/jobs", json={"prompt": "x"}).json
    worker.redis.config_set("maxmemory", "1")
    try:
        check(client.post(f"{API}/jobs", json={"prompt": "x"}), 503)
        assert client.get(f"{API}/jobs/{job['id']}").json == job
    finally:
        worker.redis.config_set("maxmemory", "0")
    assert client.post(f"{API}/jobs", json={"prompt": "x"}).status_code == 202


def test_every_route_but_health_is_503_without_redis():
    app = create_app(f"redis://127.0.0.1:{free_port()}/0")
    client = app.test_client()
    for path in ("jobs", "jobs/x", "jobs/x/events", "events", "models", "ready", "metrics"):
        check(client.get(f"{API}/{path}"), 503)
    check(client.post(f"{API}/jobs", json={"prompt": "x"}), 503)
    check(client.post(f"{API}/pair", json={"code": "AAAAAAAA", "name": "x"}), 503)
    check(client.post(f"{API}/jobs/x/cancel"), 503)
    check(client.delete(f"{API}/jobs/x"), 503)
    for path in ("health", "samplers", "openapi.json", "docs"):
        assert client.get(f"{API}/{path}").status_code == 200
    of(app).close()


def test_a_field_that_a_part_lacks_is_named(client: FlaskClient):
    sent = {"prompt": "x", "regions": [{"box": {}}], "ip_adapters": [{"model": "x"}]}
    answer = client.post(f"{API}/jobs", json=sent)
    pointers = {each["pointer"] for each in answer.json["errors"]}
    assert pointers == {"/regions/0/prompt", "/ip_adapters/0/images"}


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (" AND ".join(["cat"] * 99), "and-too-many"),
        ("cat :999 AND dog", "and-too-heavy"),
        ("[a:" * 99 + "b" + ":3]" * 99, "edits-too-deep"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused_with_a_code(
    client: FlaskClient, worker: HandWorker, prompt: str, code: str
):
    answer = client.post(f"{API}/jobs", json={"prompt": prompt})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/prompt"
    assert answer.json["errors"][0]["wording"]["code"] == code
