"""A user sees and ends only what is his own; an admin everything."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.pictures.image_store import input_id
from jobs.records.record import read
from tests.door.conftest import MakeDevice
from tests.running.clients.sse import events_of
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API

Headers = dict[str, str]


@pytest.fixture
def anna(device: MakeDevice) -> Headers:
    return device("Anna's phone")[1]


@pytest.fixture
def ben(device: MakeDevice) -> Headers:
    return device("Ben's phone")[1]


@pytest.fixture
def admin(device: MakeDevice) -> Headers:
    return device("the operator's", "admin")[1]


@pytest.fixture
def job(client: FlaskClient, worker: HandWorker, anna: Headers) -> Any:
    """A job of Anna's that waits."""
    return client.post(f"{API}/jobs", json={"prompt": "secret"}, headers=anna).json


def test_a_stranger_finds_no_trace_of_a_job(
    client: FlaskClient, worker: HandWorker, job: Any, ben: Headers
):
    [image] = worker.run(job["id"])
    nowhere = "0" * 32
    for method, path in (
        ("GET", "jobs/{}"),
        ("POST", "jobs/{}/cancel"),
        ("DELETE", "jobs/{}"),
        ("GET", "jobs/{}/events"),
    ):
        there = client.open(f"{API}/{path.format(job['id'])}", method=method, headers=ben)
        not_there = client.open(f"{API}/{path.format(nowhere)}", method=method, headers=ben)
        assert there.status_code == not_there.status_code == 404
        # In all but the id, the answer is the same as for a job that never was.
        assert there.text.replace(job["id"], nowhere) == not_there.text
    there = client.get(f"{API}/images/{image}", headers=ben)
    not_there = client.get(f"{API}/images/{nowhere}-0", headers=ben)
    assert there.status_code == not_there.status_code == 404
    assert there.text.replace(job["id"], nowhere) == not_there.text
    assert client.get(f"{API}/jobs", headers=ben).json["jobs"] == []
    assert read(worker.redis, job["id"]).status == "succeeded"


def test_a_stranger_cancels_nothing(
    client: FlaskClient, worker: HandWorker, job: Any, ben: Headers
):
    assert client.post(f"{API}/jobs/{job['id']}/cancel", headers=ben).status_code == 404
    assert client.delete(f"{API}/jobs/{job['id']}", headers=ben).status_code == 404
    assert read(worker.redis, job["id"]).status == "queued"


def test_a_picture_of_somebody_else_is_no_picture_to_start_from(
    client: FlaskClient, worker: HandWorker, job: Any, anna: Headers, ben: Headers
):
    [image] = worker.run(job["id"])
    body = {"kind": "image-to-image", "prompt": "x", "image": image}
    refused = client.post(f"{API}/jobs", json=body, headers=ben)
    assert refused.status_code == 422
    assert "there is no picture" in refused.json["detail"]
    never = client.post(f"{API}/jobs", json={**body, "image": "0" * 32 + "-0"}, headers=ben)
    assert never.text.replace("0" * 32 + "-0", image) == refused.text
    assert client.post(f"{API}/jobs", json=body, headers=anna).status_code == 202


def test_what_somebody_started_from_is_his_own_too(
    client: FlaskClient, worker: HandWorker, anna: Headers, ben: Headers
):
    data = {"kind": "image-to-image", "prompt": "x", "image": (io.BytesIO(png()), "a")}
    job = client.post(f"{API}/jobs", data=data, headers=anna).json
    path = f"{API}/images/{input_id(job['id'], 0)}"
    assert client.get(path, headers=anna).status_code == 200
    assert client.get(path, headers=ben).status_code == 404


def test_the_stream_of_all_jobs_has_ones_own_and_no_others(
    app: Flask, worker: HandWorker, anna: Headers, ben: Headers
):
    client = app.test_client()
    start = {"last_event_id": "0-1"}
    mine = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=anna).json["id"]
    other = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=ben).json["id"]
    worker.run(mine)
    worker.run(other)
    answer = client.get(f"{API}/events", query_string=start, headers=anna)
    heard = ""
    for part in answer.response:
        heard += part.decode() if isinstance(part, bytes) else part
        if "event: done" in heard:
            break
    answer.close()
    jobs = {frame["data"]["job"] for frame in events_of(heard) if "data" in frame}
    assert jobs == {mine}


def test_an_idempotency_key_is_each_owners_own(
    client: FlaskClient, worker: HandWorker, anna: Headers, ben: Headers
):
    key = {"Idempotency-Key": "1"}
    first = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={**anna, **key})
    second = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={**ben, **key})
    assert first.json["id"] != second.json["id"]


def test_devices_of_one_owner_see_the_same(
    client: FlaskClient, worker: HandWorker, device: MakeDevice
):
    _, phone = device("phone", owner="anna")
    _, tablet = device("tablet", owner="anna")
    job = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=phone).json
    assert client.get(f"{API}/jobs/{job['id']}", headers=tablet).json["owner"] == "anna"
    assert client.delete(f"{API}/jobs/{job['id']}", headers=tablet).status_code == 204


def test_an_admin_sees_and_ends_what_is_others(
    client: FlaskClient, worker: HandWorker, job: Any, admin: Headers
):
    path = f"{API}/jobs/{job['id']}"
    assert client.get(path, headers=admin).status_code == 200
    assert client.post(f"{path}/cancel", headers=admin).json["status"] == "canceled"
    done = client.get(f"{path}/events", headers=admin)
    assert "event: done" in done.text
    assert client.delete(path, headers=admin).status_code == 204


def test_an_admin_lists_his_own_and_if_asked_everybodys(
    client: FlaskClient, worker: HandWorker, anna: Headers, ben: Headers, admin: Headers
):
    made = [
        client.post(f"{API}/jobs", json={"prompt": "x"}, headers=who).json
        for who in (anna, ben, admin, anna)
    ]
    ids = [job["id"] for job in reversed(made)]

    def listed(query: str) -> list[str]:
        answer = client.get(f"{API}/jobs{query}", headers=admin)
        return [job["id"] for job in answer.json["jobs"]]

    assert listed("") == [made[2]["id"]]
    assert listed("?owner=*") == ids
    assert listed(f"?owner={made[0]['owner']}") == [made[3]["id"], made[0]["id"]]

    pages, path = list[str](), f"{API}/jobs?owner=*&limit=1"
    while path:
        answer = client.get(path, headers=admin)
        pages += [job["id"] for job in answer.json["jobs"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
    assert pages == ids


@pytest.mark.parametrize("owner", ["*", "local"])
def test_a_user_lists_nobody_elses_jobs(client: FlaskClient, anna: Headers, owner: str):
    assert client.get(f"{API}/jobs?owner={owner}", headers=anna).status_code == 403


def test_a_user_is_told_of_models_and_not_of_the_workers_that_have_them(
    client: FlaskClient, worker: HandWorker, anna: Headers, admin: Headers
):
    [seen] = client.get(f"{API}/models", headers=anna).json["models"]
    assert seen["warm"]
    assert seen["workers"] == []
    [seen] = client.get(f"{API}/models", headers=admin).json["models"]
    assert [each["name"] for each in seen["workers"]] == ["hand"]


def test_a_signed_url_opens_its_picture_for_anybody_and_no_other(
    client: FlaskClient, worker: HandWorker, job: Any, anna: Headers
):
    worker.run(job["id"])
    url = client.get(f"{API}/jobs/{job['id']}", headers=anna).json["outputs"][0]["url"]
    elsewhere = {"REMOTE_ADDR": "192.168.1.20"}
    assert client.get(url, environ_overrides=elsewhere).status_code == 200
    assert client.get(url + "x", environ_overrides=elsewhere).status_code == 403
    other = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=anna).json["id"]
    [image] = worker.run(other)
    moved = f"{API}/images/{image}?{url.partition('?')[2]}"
    assert client.get(moved, environ_overrides=elsewhere).status_code == 403
    # The signature is a key to this picture, not to anything else.
    query = url.partition("?")[2]
    answer = client.get(f"{API}/jobs/{job['id']}?{query}", environ_overrides=elsewhere)
    assert answer.status_code == 401
