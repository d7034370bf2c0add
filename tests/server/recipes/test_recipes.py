"""A picture, or what a job says of itself, sent back makes the same picture again."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.recipes.infotext import Maker
from jobs.records.record import read
from tests.card import make_card
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from worker.canvas.png import encode

JOBS = f"{API}/jobs"


def uri(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def create(client: FlaskClient, **fields: Any) -> Any:
    answer = client.post(JOBS, json={"prompt": "red apple"} | fields)
    assert answer.status_code == 202, answer.text
    return answer.json


def finished(client: FlaskClient, worker: HandWorker, job_id: str) -> Any:
    """The job with a picture as a worker encodes it."""
    record = read(worker.redis, job_id)
    assert record
    black = np.zeros((48, 64, 3), np.uint8)
    worker.begin(job_id)
    worker.finish(job_id, encode(black, record.request, 0, Maker("1", None)))
    return client.get(f"{JOBS}/{job_id}").json


KINDS: list[dict[str, Any]] = [
    {"count": 3, "seed": 5, "sampler": "ddim", "metadata": {"a": 1}, "priority": "high"},
    {"kind": "image-to-image", "image": uri(png()), "strength": 0.3},
    {"kind": "inpaint", "image": uri(png()), "mask": uri(png(color="white")), "mask_blur": 0},
    {"kind": "outpaint", "image": uri(png()), "expand": {"left": 16}},
    {"kind": "upscale", "image": uri(png()), "scale": 1.5},
    {"kind": "variations", "image": uri(png()), "prompt": "", "negative_prompt": "x"},
    {"hires": {"scale": 1.5}, "variation_seed": 3, "variation_strength": 0.1, "exact": True},
]


def pixels(client: FlaskClient, job: Any) -> list[bytes]:
    found = [client.get(each["url"]).data for each in job["pictures"]]
    return [Image.open(io.BytesIO(each)).tobytes() for each in found]


@pytest.mark.parametrize("fields", KINDS, ids=lambda fields: fields.get("kind", "text-to-image"))
def test_a_jobs_input_is_a_request_for_the_same(
    client: FlaskClient, worker: HandWorker, fields: dict[str, Any]
):
    first = create(client, **fields)
    answer = client.post(JOBS, json=first["input"])
    assert answer.status_code == 202, answer.text
    ids = {"image", "mask"}
    again = answer.json
    assert {**again["input"], **dict.fromkeys(ids)} == {**first["input"], **dict.fromkeys(ids)}
    assert pixels(client, again) == pixels(client, first)


def test_a_picture_that_is_sent_repeats_its_recipe(client: FlaskClient, worker: HandWorker):
    first = finished(client, worker, create(client, count=2, seed=40, steps=7)["id"])
    picture = client.get(first["outputs"][0]["url"]).data
    answer = client.post(JOBS, data=picture, content_type="image/png")
    assert answer.status_code == 202, answer.text
    assert answer.json["input"] == first["input"] | {"count": 1, "seed": 40}


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_rendition_of_full_size_repeats_it_too(
    client: FlaskClient, worker: HandWorker, format: str
):
    first = finished(client, worker, create(client, seed=41, prompt="Äpfel 🍎")["id"])
    url = first["outputs"][0]["url"] + f"&format={format}"
    answer = client.post(JOBS, data=client.get(url).data, content_type=f"image/{format}")
    assert answer.status_code == 202, answer.text
    assert answer.json["input"] == first["input"]
    small = client.get(url + "&width=8").data
    assert client.post(JOBS, data=small, content_type=f"image/{format}").status_code == 422


def test_a_recipe_that_starts_from_a_picture_needs_it(client: FlaskClient, worker: HandWorker):
    job = create(client, kind="image-to-image", image=uri(png()))
    first = finished(client, worker, job["id"])
    picture = client.get(first["outputs"][0]["url"]).data
    answer = client.post(JOBS, data=picture, content_type="image/png")
    assert answer.status_code == 202, answer.text
    assert pixels(client, answer.json) == pixels(client, first)
    client.delete(f"{JOBS}/{job['id']}")
    answer = client.post(JOBS, data=picture, content_type="image/png")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/image"


def test_variations_take_the_prompt_of_the_picture(client: FlaskClient, worker: HandWorker):
    job = create(client, prompt="green pear", negative_prompt="blur")
    first = finished(client, worker, job["id"])
    image = first["outputs"][0]["id"]
    made = create(client, kind="variations", prompt="", image=image)["input"]
    assert (made["prompt"], made["negative_prompt"]) == ("green pear", "blur")
    assert create(client, kind="variations", image=image)["input"]["prompt"] == "red apple"


def carrying(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text, zip=True)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "pointer", "words"),
    [
        (png(), "", "carries no recipe"),
        (b"rubbish", "", "must be a PNG, JPEG"),
        (b"", "", "must be a PNG, JPEG"),
        (carrying(darkroom="{"), "", "is not JSON"),
        (carrying(darkroom=json.dumps({"request": {"steps": 500}})), "/steps", "at most 150"),
        (carrying(darkroom=json.dumps({"request": {"magic": 1}})), "/magic", "is not a field"),
        (
            carrying(darkroom=json.dumps({"request": {"prompt": "x", "model": "dall-e"}})),
            "/model",
            "made by dall-e, which is not here; there are: small",
        ),
        (
            carrying(parameters="x\nSteps: 2, Sampler: Zigzag, Seed: 1, CFG scale: 5"),
            "/sampler",
            "no sampler is named 'Zigzag'",
        ),
        (
            carrying(parameters="x\nSteps: 2, Sampler: DDIM, Seed: 99999999999, CFG scale: 5"),
            "/seed",
            "must be less than 4294967296",
        ),
        (carrying(parameters="x" * 3_000_000), "", "cannot be decoded"),
    ],
)
def test_a_picture_that_cannot_be_repeated_says_why(
    client: FlaskClient, worker: HandWorker, picture: bytes, pointer: str, words: str
):
    answer = client.post(JOBS, data=picture, content_type="image/png")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert words in answer.json["errors"][0]["detail"]


def test_of_two_models_with_the_same_weights_the_one_that_made_it_is_taken(
    client: FlaskClient, worker: HandWorker
):
    """One checkpoint may be named twice, with an autoencoder or a prediction of its own each."""
    cards = [make_card(name=name, sha256="ab" * 32) for name in ("small", "twin")]
    worker.info = worker.info.model_copy(update={"models": cards})
    worker.advertise()
    for name in ("twin", "small"):
        job = create(client, model=name)
        record = read(worker.redis, job["id"])
        assert record
        black = np.zeros((48, 64, 3), np.uint8)
        worker.begin(job["id"])
        worker.finish(job["id"], encode(black, record.request, 0, Maker("1", "ab" * 32)))
        made = client.get(f"{JOBS}/{job['id']}").json
        again = client.post(
            JOBS, data=client.get(made["outputs"][0]["url"]).data, content_type="image/png"
        )
        assert again.json["input"]["model"] == name
