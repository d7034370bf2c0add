"""What is done otherwise than asked is said by every API, and nothing is said where all is done."""

from __future__ import annotations

import json

import httpx
import pytest

PROMPT = {"prompt": "red apple, 3d", "steps": 2, "seed": 5}
OWN = "euler_a does not go by karras; the schedule is euler_a's own"


@pytest.fixture(scope="module")
def http(address: str):
    with httpx.Client(base_url=address, timeout=120) as http:
        yield http


def native(http: httpx.Client, **fields: object) -> dict:
    answer = http.post("/api/v1/jobs", json=PROMPT | fields, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_pair_that_does_not_exist_becomes_the_nearest_and_the_job_says_so(http: httpx.Client):
    job = native(http, sampler="Euler a", schedule="Karras")
    assert job["status"] == "succeeded", job["error"]
    assert (job["input"]["sampler"], job["input"]["schedule"]) == ("euler_a", "automatic")
    values = {"asked": "karras", "sampler": "euler_a"}
    wording = {"code": "not-taken-own", "values": values}
    assert job["notes"] == [{"pointer": "/schedule", "detail": OWN, "wording": wording}]
    assert http.get(f"/api/v1/jobs/{job['id']}").json()["notes"] == job["notes"]
    listed = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    assert listed["notes"] == job["notes"]
    again = native(http, **job["input"])
    assert again["notes"] == []


def test_automatic1111s_answer_has_the_note_in_its_info(http: httpx.Client):
    body = PROMPT | {"sampler_name": "Restart", "scheduler": "Align Your Steps"}
    answer = http.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 200, answer.text
    info = json.loads(answer.json()["info"])
    assert info["sampler_name"] == "Heun"
    assert info["notes"] == [
        "sampler_name: restart is not made here; heun is the nearest",
        "scheduler: align_your_steps is not made here; karras is the nearest",
    ]


def test_openais_answer_has_the_note_beside_its_pictures(http: httpx.Client):
    body = PROMPT | {"sampler": "euler_a", "schedule": "karras"}
    answer = http.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["notes"] == [f"schedule: {OWN}"]
    plain = http.post("/v1/images/generations", json=PROMPT | {"sampler": "euler_a"})
    assert "notes" not in plain.json()
