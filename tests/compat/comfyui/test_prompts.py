"""Prompts in the queue and in the history, each by its id."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from jobs.records.record import read
from server.compat.comfyui import prompts
from tests.compat.comfyui.client import Comfy
from tests.compat.comfyui.graphs import text_to_image
from tests.running.hand_worker import HandWorker


def queued(idle: Comfy, **more: Any) -> str:
    answer = idle.queue(text_to_image(), **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["prompt_id"]


@pytest.fixture(autouse=True)
def emptied(idle: Comfy) -> None:
    """Nothing waits and nothing is remembered of another test."""
    for path in ("/queue", "/history"):
        assert idle.http.post(path, json={"clear": True}).status_code == 200


@pytest.mark.endpoint("GET /prompt", "GET /queue", "POST /prompt")
@pytest.mark.parametrize("below", ["", "/api"])
def test_what_waits_and_what_runs(idle: Comfy, hand: HandWorker, below: str) -> None:
    extra = {"extra_pnginfo": {"workflow": {}}}
    first, second = queued(idle, client_id="me", extra_data=extra), queued(idle)
    hand.begin(uuid.UUID(first).hex)
    said = idle.http.get(f"{below}/queue").json()
    (running,), (pending,) = said["queue_running"], said["queue_pending"]
    assert running[1:] == [first, text_to_image(), {**extra, "client_id": "me"}, ["9"]]
    assert pending[1] == second
    assert running[0] < pending[0]
    assert idle.http.get(f"{below}/prompt").json() == {"exec_info": {"queue_remaining": 2}}
    hand.finish(uuid.UUID(first).hex)
    assert idle.http.get(f"{below}/prompt").json() == {"exec_info": {"queue_remaining": 1}}


@pytest.mark.endpoint("POST /queue")
def test_what_waits_can_be_taken_back(idle: Comfy, hand: HandWorker) -> None:
    first, second, third = (queued(idle) for _ in range(3))
    hand.begin(uuid.UUID(first).hex)
    assert idle.http.post("/queue", json={"delete": [first, second]}).status_code == 200
    statuses = [read(hand.redis, uuid.UUID(each).hex) for each in (first, second, third)]
    assert [each and each.status for each in statuses] == ["running", "canceled", "queued"]
    idle.http.post("/queue", json={"clear": True})
    assert idle.http.get("/queue").json()["queue_pending"] == []
    hand.finish(uuid.UUID(first).hex)


@pytest.mark.endpoint("GET /history", "GET /history/{id}", "POST /history")
def test_the_history(idle: Comfy, hand: HandWorker) -> None:
    ids = [queued(idle, client_id="me") for _ in range(3)]
    assert idle.http.get("/history").json() == {}
    assert idle.http.get(f"/history/{ids[0]}").json() == {}
    for each in ids:
        hand.run(uuid.UUID(each).hex)
    entry = idle.http.get(f"/history/{ids[0]}").json()[ids[0]]
    assert entry["prompt"][1:3] == [ids[0], text_to_image()]
    assert entry["status"]["status_str"] == "success"
    assert entry["status"]["completed"]
    said = [kind for kind, _ in entry["status"]["messages"]]
    assert said == ["execution_start", "execution_cached", "execution_success"]
    (image,) = entry["outputs"]["9"]["images"]
    assert idle.http.get("/view", params=image).headers["Content-Type"] == "image/png"
    assert list(idle.http.get("/history").json()) == ids
    assert list(idle.http.get("/history?max_items=2").json()) == ids[1:]
    assert list(idle.http.get("/history?max_items=1&offset=1").json()) == [ids[1]]
    assert idle.http.get("/history?max_items=0").json() == {}
    assert idle.http.get("/history?max_items=x").status_code == 400
    assert idle.http.post("/history", json={"delete": [ids[0]]}).status_code == 200
    assert list(idle.http.get("/history").json()) == ids[1:]
    # The pictures stay; only the history has them no more.
    assert idle.http.get("/view", params=image).status_code == 200


@pytest.mark.endpoint("POST /prompt")
def test_the_same_id_is_the_same_prompt(idle: Comfy) -> None:
    own = str(uuid.uuid4())
    assert queued(idle, prompt_id=own) == own
    assert queued(idle, prompt_id=own) == own
    assert len(idle.http.get("/queue").json()["queue_pending"]) == 1
    answer = idle.queue(text_to_image(seed=8), prompt_id=own)
    assert answer.status_code == 400
    assert own in answer.json()["error"]["message"]


@pytest.mark.endpoint("POST /prompt")
def test_an_id_of_a_graph_that_was_refused_is_free(idle: Comfy) -> None:
    own = str(uuid.uuid4())
    assert idle.queue(text_to_image(steps=9000), prompt_id=own).status_code == 400
    assert idle.queue(text_to_image(steps=0), prompt_id=own).status_code == 400
    assert queued(idle, prompt_id=own) == own


@pytest.mark.endpoint("POST /prompt")
def test_to_the_front_is_a_high_priority(idle: Comfy, hand: HandWorker) -> None:
    record = read(hand.redis, uuid.UUID(queued(idle, front=True)).hex)
    assert record
    assert record.request.priority == "high"


@pytest.mark.endpoint("POST /free")
def test_models_are_not_the_callers_to_unload(idle: Comfy) -> None:
    answer = idle.http.post("/free", json={"unload_models": True, "free_memory": True})
    assert answer.status_code == 200


def test_an_owner_has_so_many_prompts(
    idle: Comfy, hand: HandWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "MOST", 2)
    ids = [queued(idle) for _ in range(3)]
    kept = prompts.Prompts(hand.redis, "local")
    newest = kept.of_job(uuid.UUID(ids[2]).hex)
    assert newest
    kept.keep(newest)
    assert [prompt.id for prompt, _ in kept.unended()] == ids[1:]
    for key in hand.redis.scan_iter("darkroom:comfyui:*"):
        assert hand.redis.ttl(key) > 0 or key == b"darkroom:comfyui:expiring"
