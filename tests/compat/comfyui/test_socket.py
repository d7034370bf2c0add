"""A client follows its prompts by a WebSocket."""

from __future__ import annotations

import base64
import io
import json
import socket
import ssl
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from PIL import Image

from darkroom.network import tls
from darkroom.supervision.redis_server import RedisServer
from jobs import devices
from jobs.records.events import PreviewEvent, publish_live
from jobs.records.record import read
from tests.compat.comfyui.client import Comfy, following
from tests.compat.comfyui.graphs import second_pass, text_to_image
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.waiting import until

pytestmark = pytest.mark.endpoint("GET /ws")

FOLLOWED = ("execution_start", "execution_cached", "executing", "progress", "executed")


def kinds(messages: list[tuple[str, Any]]) -> list[str]:
    return [kind for kind, _ in messages]


def queued(idle: Comfy, client_id: str | None, graph: Any = None) -> tuple[str, str]:
    """A prompt's id and its job's."""
    more = {"client_id": client_id} if client_id else {}
    prompt_id = idle.queue(graph or text_to_image(), **more).json()["prompt_id"]
    return prompt_id, uuid.UUID(prompt_id).hex


def jpeg() -> str:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), "red").save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def remaining(messages: list[tuple[str, Any]]) -> list[int]:
    return [
        data["status"]["exec_info"]["queue_remaining"]
        for kind, data in messages
        if kind == "status"
    ]


@pytest.mark.parametrize("path", ["/ws", "/api/ws"])
def test_a_prompt_is_told_from_its_beginning_to_its_end(
    idle: Comfy, hand: HandWorker, path: str
) -> None:
    with following(idle.url, "me", path=path) as (told, _):
        told.until(lambda messages: messages)
        prompt_id, job = queued(idle, "me")
        hand.begin(job)
        told.until(lambda messages: "execution_start" in kinds(messages))
        # Live events go by to whoever listens: what was kept is told a moment sooner.
        until(lambda: hand.progress(job, 5))
        preview = PreviewEvent(job=job, index=0, image=jpeg())
        publish_live(hand.redis, "local", preview)
        told.until(lambda messages: "binary 1 1" in kinds(messages))
        hand.finish(job)
        messages = told.until_over(prompt_id)
        messages = told.until(lambda messages: remaining(messages)[-1:] == [0])
    assert messages[0][1]["sid"] == "me"
    of_prompt = [(kind, data) for kind, data in messages if kind not in ("status", "binary 1 1")]
    assert kinds(of_prompt) == [
        "execution_start",
        "execution_cached",
        "executing",
        "progress",
        "executing",
        "executed",
        "execution_success",
        "executing",
    ]
    assert all(data["prompt_id"] == prompt_id for _, data in of_prompt)
    assert [data["node"] for kind, data in of_prompt if kind == "executing"] == ["3", "9", None]
    progress = dict(of_prompt)["progress"]
    assert (progress["value"], progress["max"], progress["node"]) == (5, 20, "3")
    shown = idle.ended(prompt_id)["outputs"]["9"]
    assert dict(of_prompt)["executed"]["output"] == shown
    (picture,) = [data for kind, data in messages if kind == "binary 1 1"]
    assert picture.size == (32, 24)


def test_each_client_is_told_of_its_own_and_of_nobodys(idle: Comfy, hand: HandWorker) -> None:
    with following(idle.url, "one") as (one, _), following(idle.url) as (other, _):
        for told in (one, other):
            told.until(lambda messages: messages)
        assert uuid.UUID(other.messages[0][1]["sid"])
        mine, job = queued(idle, "one")
        everybodys, next_job = queued(idle, None)
        for each in (job, next_job):
            hand.run(each)
        assert {
            data["prompt_id"] for kind, data in one.until_over(everybodys) if kind in FOLLOWED
        } == {
            mine,
            everybodys,
        }
        said = other.until_over(everybodys)
        assert {data["prompt_id"] for kind, data in said if kind in FOLLOWED} == {everybodys}


def test_who_comes_late_is_told_where_it_is(idle: Comfy, hand: HandWorker) -> None:
    prompt_id, job = queued(idle, "late", second_pass())
    hand.begin(job)
    hand.progress(job, 25, 34)
    with following(idle.url, "late") as (told, _):
        messages = told.until(lambda messages: "progress" in kinds(messages))
        hand.finish(job)
        told.until_over(prompt_id)
    at = [data["node"] for kind, data in messages if kind == "executing"]
    assert at == ["3", "41"]


def test_a_failure_is_told_with_its_reason(idle: Comfy, hand: HandWorker) -> None:
    with following(idle.url, "me") as (told, _):
        told.until(lambda messages: messages)
        prompt_id, job = queued(idle, "me")
        hand.begin(job)
        hand.fail(job, "out-of-memory", "It does not fit.")
        said = dict(told.until_over(prompt_id))["execution_error"]
    assert (said["node_id"], said["node_type"]) == ("3", "KSampler")
    assert said["exception_message"] == "It does not fit."
    entry = idle.ended(prompt_id)
    assert entry["status"]["status_str"] == "error"
    assert not entry["status"]["completed"]
    assert entry["outputs"] == {}
    assert entry["status"]["messages"][-1][0] == "execution_error"


@pytest.mark.endpoint("POST /interrupt")
@pytest.mark.parametrize("named", [True, False])
def test_an_interrupt_is_told(idle: Comfy, hand: HandWorker, named: bool) -> None:
    with following(idle.url, "me") as (told, _):
        told.until(lambda messages: messages)
        prompt_id, job = queued(idle, "me")
        waiting, _ = queued(idle, "me")
        hand.begin(job)
        body = {"json": {"prompt_id": prompt_id}} if named else {}
        assert idle.http.post("/interrupt", **body).status_code == 200
        until(lambda: (record := read(hand.redis, job)) and record.cancel_requested)
        # What waits is not ended by it.
        assert [item[1] for item in idle.http.get("/queue").json()["queue_pending"]] == [waiting]
        idle.http.post("/queue", json={"clear": True})
        hand.cancel(job)
        said = told.until_over(prompt_id)
    assert dict(said)["execution_interrupted"]["node_id"] == "3"


def test_what_a_client_says_of_itself_is_answered(idle: Comfy) -> None:
    with following(idle.url, "me") as (told, send):
        for text in (
            "no JSON",
            "[" * 9000,
            "[]",
            json.dumps({"type": "feature_flags", "data": {}}),
        ):
            send(text)
        messages = told.until(lambda messages: "feature_flags" in kinds(messages))
        assert dict(messages)["feature_flags"] == idle.http.get("/features").json()
        send("x" * 20_000)
        assert told.until_closed() == 1009


def test_only_a_websocket_is_made_of_it(idle: Comfy) -> None:
    answer = idle.http.get("/ws")
    assert answer.status_code == 426
    assert "WebSocket" in answer.json()["error"]["message"]
    half = {"Upgrade": "websocket", "Connection": "Upgrade"}
    assert idle.http.get("/ws", headers=half).status_code == 400


def test_a_page_of_another_origin_gets_none(idle: Comfy) -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Origin": "http://elsewhere.example",
    }
    assert idle.http.get("/ws", headers=headers).status_code == 403
    assert idle.http.post("/prompt", json={}, headers=headers).status_code == 403


def test_a_device_that_is_revoked_is_let_go(idle: Comfy, hand: HandWorker) -> None:
    device, token = devices.create(hand.redis, "phone")
    with following(idle.url, "me", token) as (told, _):
        told.until(lambda messages: messages)
        devices.revoke(hand.redis, device.id)
        assert told.until_closed() == 1001


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_who_answers_no_pings_is_let_go(idle: Comfy) -> None:
    address = httpx.URL(idle.url)
    request = (
        f"GET /ws?clientId=gone HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with socket.create_connection((address.host, address.port), timeout=200) as connection:
        connection.sendall(request.encode())
        # It takes what is sent, as the kernel of a phone that sleeps does, and says nothing.
        while connection.recv(4096):
            pass


def test_a_socket_by_tls_is_answered(redis_server: RedisServer, tmp_path: Path) -> None:
    tls.ensure(tmp_path / "tls", ["127.0.0.1"])
    with gunicorn(redis_server.url, tmp_path, tls=True) as server:
        trusting = ssl.create_default_context(cafile=tmp_path / "tls" / tls.AUTHORITY)
        with following(server.url, "me", context=trusting) as (told, send):
            send(json.dumps({"type": "feature_flags", "data": {"x": "y" * 9000}}))
            told.until(lambda messages: "feature_flags" in kinds(messages))


def test_seats_are_bounded_and_the_server_says_goodbye(
    redis_server: RedisServer, tmp_path: Path, hand: HandWorker
) -> None:
    with gunicorn(redis_server.url, tmp_path, sse_clients=2) as server:
        with following(server.url) as (first, _):
            with following(server.url) as (second, _):
                second.until(lambda messages: messages)
                with pytest.raises(aiohttp.WSServerHandshakeError) as error, following(server.url):
                    pass
                assert error.value.status == 503
            with httpx.Client(base_url=server.url) as client:
                until(lambda: client.get("/ws").status_code == 426)
            first.until(lambda messages: messages)
            server.process.terminate()
            assert first.until_closed() == 1001
        server.process.wait(20)
