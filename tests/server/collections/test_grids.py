"""Grids: every combination is a job, all are taken or none, and they are shown on one sheet."""

from __future__ import annotations

import io
import json
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from redis import Redis

from jobs import devices
from jobs.collections import grids
from jobs.pictures.image_store import ImageStore
from jobs.queue import queue
from jobs.records.record import read
from jobs.request.grid.cells import cells
from jobs.request.grid.part import Axis
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from tests.server.recipes.test_recipes import uri

SVG = "{http://www.w3.org/2000/svg}"

STEPS = {"field": "/steps", "values": [2, 4, 8]}
JOINED = " AND ".join("x" * 17)
WORDS = {"field": "/prompt", "replace": "apple", "values": ["apple", "táo & lê"]}


def create(client: FlaskClient, *axes: dict[str, Any], **request: object) -> Any:
    asked = {"prompt": "red apple, 3d"} | request
    return client.post(f"{API}/grids", json={"request": asked, "axes": axes})


def jobs(client: FlaskClient) -> list[dict[str, Any]]:
    return client.get(f"{API}/jobs?limit=100").json["jobs"]


@pytest.mark.usefixtures("worker")
def test_each_combination_is_a_job_and_the_first_axis_goes_fastest(client: FlaskClient):
    made = create(client, STEPS, WORDS)
    assert made.status_code == 202, made.json
    assert made.headers["Location"] == f"{API}/grids/{made.json['id']}"
    asked = [client.get(f"{API}/jobs/{each['job']}").json["input"] for each in made.json["cells"]]
    assert [(each["steps"], each["prompt"]) for each in asked] == [
        *[(steps, "red apple, 3d") for steps in (2, 4, 8)],
        *[(steps, "red táo & lê, 3d") for steps in (2, 4, 8)],
    ]
    assert len({each["seed"] for each in asked}) == 1
    assert {each["metadata"]["grid"] for each in asked} == {made.json["id"]}
    assert made.json["counts"] == {"queued": 6}
    listed = client.get(f"{API}/grids").json["grids"]
    assert [each["id"] for each in listed] == [made.json["id"]]


def test_three_axes_come_on_one_sheet_with_their_labels(client: FlaskClient, worker: HandWorker):
    depth = {"field": "/seed", "values": [1, 2], "title": "Hạt giống", "labels": ["một", "hai"]}
    grid = create(client, STEPS, WORDS, depth).json
    for each in grid["cells"][:-1]:
        worker.run(each["job"])
    client.post(f"{API}/jobs/{grid['cells'][-1]['job']}/cancel")
    answer = client.get(f"{grid['sheet_url']}?width=96")
    assert answer.content_type == "image/svg+xml"
    drawn = ET.fromstring(answer.text)
    words = [each.text for each in drawn.iter(f"{SVG}tspan")]
    for label in ("2", "4", "8", "apple", "táo & lê", "Hạt giống: một", "Hạt giống: hai"):
        assert label in words
    assert words[-1] == "canceled"
    pictures = list(drawn.iter(f"{SVG}image"))
    assert len(pictures) == 11
    assert all(each.get("href", "").startswith("data:image/webp;base64,") for each in pictures)
    assert len({(each.get("x"), each.get("y")) for each in pictures}) == 11


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("axes", "pointer"),
    [
        ([{"field": "/steps", "values": [4, 4000]}], "/axes/0/values/1"),
        ([STEPS, {"field": "/model", "values": ["nobody"]}], "/axes/1/values/0"),
        ([{"field": "/count", "values": [1, 2]}], "/axes/0/field"),
        ([{"field": "/prompt", "replace": "pear", "values": ["x"]}], "/axes/0/field"),
        ([{"field": "/loras/0/weight", "values": [1]}], "/axes/0/field"),
        ([{"field": "/seed/x", "values": [1]}], "/axes/0/field"),
        (
            [
                {"field": "/seed", "values": list(range(20))},
                {"field": "/steps", "values": list(range(1, 21))},
            ],
            "/axes",
        ),
        ([STEPS, STEPS, WORDS, {"field": "/seed", "values": [1]}], "/axes"),
        ([STEPS | {"labels": ["few"]}], "/axes/0/labels"),
        (
            [
                {"field": "/hires/scale", "values": [1.5, 2]},
                {"field": "/hires", "values": [{"scale": 1.5}]},
            ],
            "/axes/1/field",
        ),
        (
            [
                {"field": "/loras", "values": [[{"name": "ink"}]]},
                {"field": "/loras/-1/weight", "values": [1]},
            ],
            "/axes/1/field",
        ),
        (
            [
                WORDS,
                {"field": "/prompt", "replace": "red", "values": ["red", " AND ".join("x" * 17)]},
            ],
            "/axes/1/values/1",
        ),
        (
            [STEPS, {"field": "/regions", "values": [[{"prompt": "x", "mask": "y"}]]}],
            "/axes/1/values/0",
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_and_nothing_is_made(
    client: FlaskClient, axes: list[dict[str, Any]], pointer: str
):
    refused = create(client, *axes)
    assert refused.status_code == 422
    assert pointer in {each["pointer"] for each in refused.json["errors"]}, refused.json
    assert jobs(client) == []


@pytest.mark.usefixtures("worker")
def test_what_is_several_pictures_is_no_cell(client: FlaskClient):
    refused = create(client, STEPS, kind="walk", walk={"over": "words"})
    assert {each["pointer"] for each in refused.json["errors"]} == {
        "/request/kind",
        "/request/walk",
    }


@pytest.mark.usefixtures("worker")
def test_each_cell_has_the_pictures_that_its_own_values_name(
    client: FlaskClient, store: ImageStore
):
    left, right = (
        {"prompt": "pear", "mask": uri(png(color=color, mode="L"))} for color in ("white", "gray")
    )
    made = create(client, {"field": "/regions", "values": [[left], [right], [], [left, right]]})
    assert made.status_code == 202, made.json
    regions = [
        client.get(f"{API}/jobs/{each['job']}").json["input"]["regions"]
        for each in made.json["cells"]
    ]
    light = [
        [Image.open(io.BytesIO(store.read(each["mask"]))).getextrema() for each in here]
        for here in regions
    ]
    assert light == [[(255, 255)], [(128, 128)], [], [(255, 255), (128, 128)]]


def test_the_values_of_an_axis_stay_as_they_were_asked_for(client: FlaskClient, worker: HandWorker):
    passes = {"field": "/hires", "values": [{"scale": 1.5}, {"scale": 2}]}
    made = create(client, passes, {"field": "/hires/steps", "values": [3, 4]})
    assert [each["values"] for each in made.json["axes"]] == [passes["values"], [3, 4]]


@pytest.mark.usefixtures("worker")
def test_one_key_that_comes_often_at_once_makes_one_grid(app: Flask):
    body = {"request": {"prompt": "red apple"}, "axes": [STEPS, WORDS]}

    def send(_: int) -> Any:
        key = {"Idempotency-Key": "often"}
        return app.test_client().post(f"{API}/grids", json=body, headers=key)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {each.status_code for each in answers} == {202}
    assert len({json.dumps([cell["job"] for cell in each.json["cells"]]) for each in answers}) == 1
    assert len(jobs(app.test_client())) == 6


@pytest.mark.usefixtures("worker")
def test_a_grid_that_was_deleted_does_not_come_back(client: FlaskClient, redis: Redis):
    body = {"request": {"prompt": "red apple"}, "axes": [STEPS]}
    key = {"Idempotency-Key": "gone"}
    made = client.post(f"{API}/grids", json=body, headers=key).json
    kept = grids.find(redis, "local", made["id"])
    assert kept is not None
    assert client.delete(f"{API}/grids/{made['id']}").status_code == 204
    assert client.post(f"{API}/grids", json=body, headers=key).status_code == 409
    # Whoever was submitting its jobs meanwhile.
    assert grids.complete(redis, "local", kept) is None
    assert client.get(f"{API}/grids").json["grids"] == jobs(client) == []


@pytest.mark.usefixtures("worker")
def test_a_queue_without_room_takes_none_of_a_grid(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    full = queue.settings().model_copy(update={"max_queue": 4})
    monkeypatch.setattr(queue, "settings", lambda: full)
    assert create(client, STEPS, WORDS).status_code == 429
    assert jobs(client) == []
    assert client.get(f"{API}/grids").json["grids"] == []


@pytest.mark.usefixtures("worker")
def test_a_grid_is_canceled_and_deleted_as_one(client: FlaskClient):
    grid = create(client, STEPS, WORDS).json
    ended = client.post(f"{API}/grids/{grid['id']}/cancel").json
    assert (ended["counts"], ended["ended"]) == ({"canceled": 6}, 6)
    assert client.delete(f"{API}/grids/{grid['id']}").status_code == 204
    assert jobs(client) == []
    assert client.get(f"{API}/grids/{grid['id']}").status_code == 404


@pytest.mark.usefixtures("worker")
def test_what_is_still_being_submitted_of_a_canceled_grid_is_canceled_too(app: Flask, redis: Redis):
    body = {"request": {"prompt": "red apple"}, "axes": [{**STEPS, "values": [*range(1, 65)]}]}
    making = threading.Thread(target=lambda: app.test_client().post(f"{API}/grids", json=body))
    making.start()
    grid = None
    while not grid:
        grid = next(iter(grids.every(redis, "local")), None)
    first = app.test_client().post(f"{API}/grids/{grid.id}/cancel").json["counts"]
    making.join()
    last = app.test_client().get(f"{API}/grids/{grid.id}").json["counts"]
    assert first.get("canceled", 0) < 64
    assert last == {"canceled": 64}


@pytest.mark.usefixtures("worker")
def test_the_same_key_is_the_same_grid_and_strangers_see_none(client: FlaskClient, redis: Redis):
    body = {"request": {"prompt": "red apple"}, "axes": [STEPS]}
    key = {"Idempotency-Key": "grid"}
    first, second = (client.post(f"{API}/grids", json=body, headers=key).json for _ in range(2))
    assert first["id"] == second["id"]
    assert len(jobs(client)) == 3
    stranger = {"Authorization": f"Bearer {devices.create(redis, 'phone')[1]}"}
    for path in ("", "/sheet"):
        there = f"{API}/grids/{first['id']}{path}"
        assert client.get(there, headers=stranger).status_code == 404
    assert client.get(f"{API}/grids", headers=stranger).json["grids"] == []


@pytest.mark.usefixtures("worker")
def test_a_grid_whose_making_was_cut_off_is_made_whole_by_its_key(
    client: FlaskClient, redis: Redis
):
    body = {"request": {"prompt": "red apple"}, "axes": [STEPS]}
    key = {"Idempotency-Key": "cut"}
    made = client.post(f"{API}/grids", json=body, headers=key).json
    # What an API leaves that is killed between two of the jobs.
    kept = grids.find(redis, "local", made["id"])
    assert kept is not None
    said = json.loads(redis.hget("darkroom:grids:local", made["id"]))
    redis.hset("darkroom:grids:local", made["id"], json.dumps(said | {"whole": False}))
    last = read(redis, kept.jobs[-1])
    assert last is not None
    queue.delete(redis, last)
    again = client.post(f"{API}/grids", json=body, headers=key).json
    assert [each["job"] for each in again["cells"]] == [each["job"] for each in made["cells"]]
    assert again["counts"] == {"queued": 3}
    assert {each["input"]["seed"] for each in jobs(client)} == {kept.seed}


def test_a_pointer_reaches_into_parts_and_starts_what_is_not_there():
    scale = Axis(field="/hires/scale", values=[1.5, 2])
    weight = Axis(field="/loras/0/weight", values=[0.5])
    request = {"prompt": "x", "loras": [{"name": "ink", "weight": 1}]}
    first, second = cells(request, [scale, weight])
    assert first.fields["hires"] == {"scale": 1.5}
    assert second.fields["hires"] == {"scale": 2}
    assert first.fields["loras"] == [{"name": "ink", "weight": 0.5}]
    assert request["loras"] == [{"name": "ink", "weight": 1}]
