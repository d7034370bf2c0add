"""An address with a token in its path: for a page on another port, and programs without headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs import devices
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker

PAGE = {"Origin": "http://127.0.0.1:5001"}
"""Kobold Lite's, which KoboldCpp serves on a port of its own."""


@pytest.fixture
def token(redis: Redis, worker: HandWorker) -> str:
    return devices.create(redis, "kobold", "admin")[1]


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, data: Path) -> Iterator[Server]:
    """The API with a line in its log for each request."""
    with gunicorn(redis_server.url, data, log_level="debug") as server:
        yield server


@pytest.fixture
def http(server: Server):
    with httpx.Client(base_url=server.url, timeout=60) as http:
        yield http


def test_a_page_of_another_origin_comes_in_by_the_address_alone(http: httpx.Client, token: str):
    address = f"/t/{token}/sdapi/v1/sd-models"
    asked = PAGE | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = http.options(address, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
    answer = http.get(address, headers=PAGE)
    assert (answer.status_code, len(answer.json())) == (200, 1)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
    assert http.get("/sdapi/v1/sd-models", headers=PAGE).status_code == 403


@pytest.mark.parametrize("wrong", ["dk_wrong", "anything", "x" * 300])
def test_a_wrong_token_lets_nobody_in_not_even_from_this_machine(
    http: httpx.Client, token: str, wrong: str
):
    assert http.get(f"/t/{wrong}/sdapi/v1/sd-models").status_code in (401, 404)
    assert http.get(f"/t/{wrong}/sdapi/v1/sd-models", headers=PAGE).status_code in (401, 403)


def test_it_opens_other_servers_apis_alone_and_as_a_user(http: httpx.Client, token: str):
    for path in ("/api/v1/devices", "/api/v1/jobs", "/", "/api/v1/models"):
        assert http.get(f"/t/{token}{path}").status_code == 404
    for path in ("/v1/models", "/system_stats", "/api/queue"):
        assert http.get(f"/t/{token}{path}").status_code == 200, path


def test_no_log_has_the_token(http: httpx.Client, server: Server, token: str):
    http.get(f"/t/{token}/sdapi/v1/sd-models")
    http.get(f"/t/{token}/nothing/here")
    http.get(f"/t/{token}")
    # However it is spelled, and where it was mistyped.
    spelled = token.replace("_", "%5F")
    for path in (
        f"/%74/{spelled}",
        f"/t/{spelled}",
        f"/%74/{token}",
        f"//t/{token}",
        f"/T/{spelled}",
    ):
        http.get(f"{path}/sdapi/v1/sd-models")
        http.get("/health", headers={"Referer": f"{server.url}{path}/view"})
    said = server.log.read_text()
    assert "/sdapi/v1/sd-models" in said
    longest = max(token.split("_"), key=len)
    assert longest not in said
