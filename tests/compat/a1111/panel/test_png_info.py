"""The recipe of a picture, as AUTOMATIC1111's real client asks for it."""

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
from webuiapi import WebUIApi

from jobs.recipes import infotext
from jobs.recipes.infotext import Maker
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from server.pages.renditions import render
from tests.card import make_card
from tests.compat.a1111.client import connect
from tests.running.api import Server
from tests.running.hand_worker import png
from worker.canvas.png import encode

PATH = "/sdapi/v1/png-info"
MAKER = Maker("1.2", "ab" * 32)
REQUEST = resolve(
    GenerationRequest(
        prompt="a cat 🐈, sitting\non: a mat",
        negative_prompt="dog",
        seed=7,
        width=96,
        sampler="dpmpp_2m",
        schedule="karras",
        clip_skip=2,
    ),
    [make_card()],
)
PNG = encode(np.zeros((64, 96, 3), np.uint8), REQUEST, 0, MAKER)
TEXT = infotext.write(REQUEST, 0, MAKER)


def asked(client: FlaskClient, data: bytes) -> Any:
    return client.post(PATH, json={"image": base64.b64encode(data).decode()})


@pytest.mark.endpoint("POST /sdapi/v1/png-info")
def test_a_made_picture_tells_how_it_was_made(server: Server):
    api: WebUIApi = connect(server.url)
    with Image.open(io.BytesIO(PNG)) as picture:
        answer = api.png_info(picture)
    found, text = answer.parameters, answer.info
    assert text == TEXT
    assert (found["Prompt"], found["Negative prompt"]) == ("a cat 🐈, sitting\non: a mat", "dog")
    assert (found["Sampler"], found["Schedule type"]) == ("DPM++ 2M", "Karras")
    assert (found["Size-1"], found["Size-2"], found["Seed"]) == ("96", "64", "7")
    assert (found["Model"], found["Model hash"], found["Clip skip"]) == ("small", "ab" * 5, "2")
    assert found["Hires resize-1"] == 0
    assert json.loads(answer.json["items"]["darkroom"])["request"]["seed"] == 7


@pytest.mark.endpoint("POST /sdapi/v1/png-info")
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_jpeg_or_webp_tells_as_much(client: FlaskClient, format: Any):
    answer = asked(client, render(PNG, format, None)).json
    assert answer["info"] == TEXT
    assert answer["parameters"]["Seed"] == "7"
    assert answer["items"] == {}


def test_a_picture_without_a_recipe_has_an_empty_one(client: FlaskClient):
    answer = asked(client, png()).json
    assert (answer["info"], answer["items"]) == ("", {})
    assert answer["parameters"]["Prompt"] == ""


def test_other_programs_texts_are_items(client: FlaskClient):
    texts = PngInfo()
    texts.add_text("workflow", "{}")
    texts.add_text("parameters", "words alone")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=texts)
    answer = asked(client, file.getvalue()).json
    assert (answer["info"], answer["items"]) == ("words alone", {"workflow": "{}"})
    assert answer["parameters"]["Prompt"] == "words alone"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "image: is required"),
        ({"image": 3}, "image: must be a string"),
        ({"image": ""}, "image: must be a picture in base64"),
        ({"image": "?"}, "image: is not base64"),
        ({"image": "AAAA"}, "image: must be a PNG"),
        ([], "must be a JSON object"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(client: FlaskClient, body: Any, words: str):
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    assert words in answer.json["detail"]
    assert answer.json.keys() == {"error", "detail", "body", "errors"}
