"""Who comes in through AUTOMATIC1111's API, and what those who do not are told."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.settings import settings
from tests.compat.a1111.client import QUICK, connect
from tests.running.hand_worker import HandWorker

OPTIONS = "/sdapi/v1/options"
TXT2IMG = "/sdapi/v1/txt2img"
ELSEWHERE = {"REMOTE_ADDR": "192.168.1.9"}


def envelope(answer: TestResponse) -> dict[str, str]:
    assert answer.content_type == "application/json"
    said = json.loads(answer.text)
    assert set(said) == {"error", "detail", "body", "errors"}
    assert all(isinstance(value, str) for value in said.values())
    return said


@pytest.mark.parametrize("agent", ["okhttp/4.12.0", "Mozilla/5.0 (X11)"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_whoever_is_not_known_is_asked_for_a_password_first(
    client: FlaskClient, worker: HandWorker, agent: str, password: str | None
) -> None:
    answer = client.get(
        OPTIONS,
        environ_base=ELSEWHERE,
        headers={"User-Agent": agent},
        auth=("anna", password) if password else None,
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="Darkroom"')
    assert answer.headers["WWW-Authenticate"].count("Basic") == 1
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "token" in envelope(answer)["detail"]


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_token_is_the_password_whatever_the_user_is_called(
    address: str, token: Callable[..., str]
) -> None:
    mine, another = token("mine"), token("another")
    connect(address, "whoever", mine).txt2img(prompt="a job of mine, flat", **QUICK)

    def prompts(of: str) -> list[str]:
        headers = {"Authorization": f"Bearer {of}"}
        jobs = httpx.get(f"{address}/api/v1/jobs", headers=headers, timeout=30).json()["jobs"]
        return [job["input"]["prompt"] for job in jobs]

    assert prompts(mine) == ["a job of mine, flat"]
    assert prompts(another) == []


def test_before_a_worker_has_started_the_client_is_asked_to_come_back(client: FlaskClient) -> None:
    for answer in (client.get(OPTIONS), client.post(TXT2IMG, json={"prompt": "a star"})):
        assert answer.status_code == 503
        assert "no worker has started yet" in envelope(answer)["detail"]
        assert int(answer.headers["Retry-After"]) > 0


def test_a_body_that_is_too_large_is_told_the_limit(
    client: FlaskClient, worker: HandWorker
) -> None:
    body = b"{" + b" " * settings().max_body + b"}"
    answer = client.post(TXT2IMG, data=body, content_type="application/json")
    assert answer.status_code == 413
    assert f"at most {settings().max_body} bytes" in envelope(answer)["detail"]


def test_the_wrong_method_is_refused_in_the_envelope(client: FlaskClient) -> None:
    answer = client.get(TXT2IMG)
    assert answer.status_code == 405
    envelope(answer)


@pytest.mark.parametrize("path", ["/sdapi/v1/nothing", "/controlnet/nothing", "/internal/nothing"])
def test_an_unknown_path_is_not_found_in_the_words_that_clients_compare(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert envelope(answer)["detail"] == "Not Found"
