"""A picture's recipe as a form is filled with it: as far as it goes, and what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from tests.server.recipes.test_recipes import carrying, create, finished, uri

RECIPES = f"{API}/recipes"

A1111 = (
    "a cat, <lora:pixel:0.8>\nNegative prompt: dog\nSteps: 12, Sampler: DDIM, CFG scale: 6.5, "
    "Seed: 123, Size: 96x64, Model: small"
)


def reading(client: FlaskClient, picture: bytes, type: str = "image/png") -> Any:
    answer = client.post(RECIPES, data=picture, content_type=type)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_made_picture_gives_the_request_that_makes_it_again(
    client: FlaskClient, worker: HandWorker
):
    job = finished(
        client, worker, create(client, count=2, seed=40, steps=7, metadata={"a": 1})["id"]
    )
    for suffix, type in (("", "png"), ("&format=webp", "webp"), ("&format=jpeg", "jpeg")):
        picture = client.get(job["outputs"][0]["url"] + suffix).data
        read = reading(client, picture, f"image/{type}")
        assert read["missing"] == read["pictures"] == []
        again = client.post(f"{API}/jobs", json=read["request"]).json
        assert again["input"] == job["input"] | {"count": 1, "metadata": {}}


def test_another_programs_text_fills_what_it_names(client: FlaskClient, worker: HandWorker):
    assert reading(client, carrying(parameters=A1111)) == {
        "request": {
            "prompt": "a cat, <lora:pixel:0.8>",
            "negative_prompt": "dog",
            "steps": 12,
            "sampler": "ddim",
            "schedule": "automatic",
            "guidance_scale": 6.5,
            "seed": 123,
            "width": 96,
            "height": 64,
            "model": "small",
        },
        "pictures": [],
        "missing": [],
    }


def test_the_picture_that_it_starts_from_is_named_while_it_is_here(
    client: FlaskClient, worker: HandWorker
):
    fields = {"kind": "inpaint", "image": uri(png()), "mask": uri(png(color="white"))}
    job = finished(client, worker, create(client, **fields)["id"])
    picture = client.get(job["outputs"][0]["url"]).data
    read = reading(client, picture)
    assert [each["pointer"] for each in read["pictures"]] == ["/image", "/mask"]
    assert client.get(read["pictures"][0]["url"]).status_code == 200
    client.delete(f"{API}/jobs/{job['id']}")
    read = reading(client, picture)
    assert read["pictures"] == []
    assert [each["pointer"] for each in read["missing"]] == ["/image", "/mask"]
    assert {"image", "mask"}.isdisjoint(read["request"])
    assert read["request"]["prompt"] == "red apple"


@pytest.mark.parametrize(
    ("setting", "pointer", "words"),
    [
        ("Denoising strength: 0.4", "/image", "made from another picture"),
        (
            'ControlNet 0: "Module: canny, Model: edges, Weight: 1"',
            "/controls",
            "steered by another picture (ControlNet 0)",
        ),
        ('ControlNet 0: "Module: reference_only, Model: None"', "/reference_only", "as `image` in"),
        ("IP-Adapter 0: faces", "/ip_adapters", "send that picture as its `images`"),
        ("Model: dall-e", "/model", "made by dall-e, which is not here; there are: small"),
        ("Sampler: Zigzag", "/sampler", "no sampler is named 'Zigzag'"),
        ("Schedule type: Weekly", "/schedule", "no schedule is named 'Weekly'"),
        ("Steps: 500", "/steps", "at most 150"),
        pytest.param(f"Regions: {'[' * 20_000}", "/regions", "must be an array", id="regions"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_named(
    client: FlaskClient, worker: HandWorker, setting: str, pointer: str, words: str
):
    read = reading(client, carrying(parameters=f"{A1111}, {setting}"))
    assert [each["pointer"] for each in read["missing"]] == [pointer]
    assert words in read["missing"][0]["detail"]
    assert pointer[1:] not in read["request"]
    assert read["request"]["prompt"] == "a cat, <lora:pixel:0.8>"
    assert read["request"]["seed"] == 123
    if pointer == "/image":
        assert read["request"]["strength"] == 0.4


def test_a_recipe_cannot_bring_a_receiver_of_its_own(client: FlaskClient, worker: HandWorker):
    record = {"request": {"prompt": "x", "webhook": {"url": "https://example.org"}, "count": 8}}
    read = reading(client, carrying(darkroom=json.dumps(record)))
    assert read["request"] == {"prompt": "x"}


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (png(), "carries no recipe"),
        (b"rubbish", "must be a PNG, JPEG"),
        (carrying(darkroom="{"), "is not JSON"),
        (carrying(parameters="a cat"), "does not end with settings"),
    ],
)
def test_a_picture_without_a_recipe_is_refused(
    client: FlaskClient, worker: HandWorker, picture: bytes, words: str
):
    answer = client.post(RECIPES, data=picture, content_type="image/png")
    assert answer.status_code == 422
    assert words in answer.json["errors"][0]["detail"]


@pytest.mark.parametrize("type", ["application/json", "multipart/form-data", "image/gif", ""])
def test_what_is_no_picture_is_refused_by_its_type(
    client: FlaskClient, worker: HandWorker, type: str
):
    answer = client.post(RECIPES, data=b"{}", content_type=type)
    assert answer.status_code == 415
    assert answer.headers["Accept-Post"] == "image/png, image/jpeg, image/webp"


def test_a_record_with_a_name_that_is_no_text_is_refused_and_named(
    client: FlaskClient, worker: HandWorker
):
    read = reading(client, carrying(darkroom='{"request": {"\\ud800": 1}}'))
    assert read["request"] == {}
    assert "surrogate" in read["missing"][0]["detail"]
