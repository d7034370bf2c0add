"""What Open WebUI sends for pictures, by either of its two engines that fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.compat.openai.client import SIDE, opened, shows_something
from tests.compat.replays.programs import drawn, picture_in, program
from tests.running.site import STEPS

CLIENT = "Open WebUI"

HEADERS = {"User-Agent": "Python/3.11 aiohttp/3.12.15", "Accept": "*/*"}


@pytest.fixture(scope="module")
def automatic(address: str, token: Callable[..., str]) -> Iterator[httpx.Client]:
    with program(address, HEADERS, token("Open WebUI")) as client:
        yield client


@pytest.fixture(scope="module")
def openai(address: str, token: Callable[..., str]) -> Iterator[httpx.Client]:
    key = {"Authorization": f"Bearer {token('Open WebUI, OpenAI')}"}
    with program(f"{address}/v1", HEADERS | key) as client:
        yield client


@pytest.mark.endpoint("GET /sdapi/v1/options", "GET /sdapi/v1/sd-models")
@pytest.mark.endpoint("POST /sdapi/v1/options")
def test_all_options_are_sent_back_to_set_one(automatic: httpx.Client) -> None:
    models = automatic.get("/sdapi/v1/sd-models").json()
    assert {"title", "model_name"} <= set(models[0])
    options = automatic.get("/sdapi/v1/options").json()
    options["sd_model_checkpoint"] = models[0]["title"]
    assert automatic.post("/sdapi/v1/options", json=options).json() is None
    assert automatic.get("/sdapi/v1/options").json() == options


@pytest.mark.endpoint("GET /sdapi/v1/options")
def test_an_empty_header_is_what_it_sends_without_a_password(address: str) -> None:
    with program(address, HEADERS | {"Authorization": ""}) as client:
        assert client.get("/sdapi/v1/options").is_success


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
@pytest.mark.parametrize("more", [{}, {"steps": 3, "negative_prompt": "grey"}])
def test_a_prompt_becomes_pictures(automatic: httpx.Client, more: dict[str, Any]) -> None:
    body = {"prompt": "red apple, 3d", "batch_size": 2, "width": SIDE, "height": SIDE}
    answer = automatic.post("/sdapi/v1/txt2img", json=body | more)
    said = answer.json()
    assert len([picture_in(each) for each in said["images"]]) == 2
    assert json.loads(said["info"])["steps"] == more.get("steps", STEPS)


@pytest.mark.endpoint("POST /v1/images/generations")
@pytest.mark.parametrize("model", ["dall-e-2", "emoji"])
def test_its_other_engine_makes_pictures_as_well(openai: httpx.Client, model: str) -> None:
    body = {
        "model": model,
        "prompt": "red apple, 3d",
        "n": 2,
        "size": f"{SIDE}x{SIDE}",
        "response_format": "b64_json",
    }
    answer = openai.post("/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    pictures = answer.json()["data"]
    assert [each.get("url") for each in pictures] == [None, None]
    assert all(picture_in(each["b64_json"]) for each in pictures)


@pytest.mark.endpoint("POST /v1/images/generations")
def test_a_url_is_fetched_with_the_key_in_a_header(openai: httpx.Client) -> None:
    body = {"model": "dall-e-2", "prompt": "red apple, 3d", "n": 1, "steps": 3}
    (picture,) = openai.post("/images/generations", json=body).json()["data"]
    answer = openai.get(picture["url"])
    assert answer.headers["Content-Type"] == "image/png"
    assert shows_something(opened(answer.content))


@pytest.mark.endpoint("POST /v1/images/edits")
@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_picture_is_changed(openai: httpx.Client, name: str) -> None:
    form = {
        "model": "gpt-image-1",
        "prompt": "green pear, 3d",
        "n": "1",
        "size": f"{SIDE}x{SIDE}",
        "response_format": "b64_json",
    }
    files = {name: ("image.png", drawn(), "image/png")}
    answer = openai.post("/images/edits", data=form, files=files)
    assert answer.status_code == 200, answer.text
    (picture,) = answer.json()["data"]
    picture_in(picture["b64_json"])


@pytest.mark.endpoint("POST /v1/images/edits")
def test_of_several_pictures_the_first_is_edited(openai: httpx.Client) -> None:
    files = [("image[]", ("image.png", drawn(), "image/png"))] * 2
    answer = openai.post("/images/edits", data={"prompt": "both of them"}, files=files)
    assert answer.status_code == 200, answer.text
    assert "the first of the 2" in answer.json()["notes"][0]
