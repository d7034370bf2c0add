"""What SDAI, the app for telephones, sends, in its order; all that it asks at first has to be."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from flask.testing import FlaskClient

from jobs.records.workers import WorkerInfo
from tests.compat.replays.programs import TINY, drawn, picture_in, program
from tests.running.hand_worker import HandWorker

CLIENT = "SDAI"

HEADERS = {
    "User-Agent": "okhttp/4.12.0",
    "Accept-Encoding": "gzip",
    "Content-Type": "application/json; charset=UTF-8",
}


@pytest.fixture(scope="module")
def sdai(address: str, token: Callable[..., str]) -> Iterator[httpx.Client]:
    with program(address, HEADERS, token("SDAI")) as client:
        yield client


def post(sdai: httpx.Client, path: str, body: dict[str, object]) -> httpx.Response:
    # What the app has no value for it leaves out.
    sent = {name: value for name, value in body.items() if value is not None}
    answer = sdai.post(f"/sdapi/v1/{path}", content=json.dumps(sent))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.endpoint(
    "GET /sdapi/v1/options",
    "GET /sdapi/v1/sd-models",
    "GET /sdapi/v1/samplers",
    "GET /sdapi/v1/loras",
    "GET /sdapi/v1/hypernetworks",
    "GET /sdapi/v1/embeddings",
)
def test_it_connects(sdai: httpx.Client) -> None:
    for _ in range(3):
        assert sdai.get("/").is_success
    answers = [
        sdai.get(f"/sdapi/v1/{path}")
        for path in ("options", "sd-models", "samplers", "loras", "hypernetworks", "embeddings")
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    options, models, samplers, loras, hypernetworks, embeddings = (each.json() for each in answers)
    assert options["sd_model_checkpoint"] in [model["title"] for model in models]
    assert "Euler a" in [sampler["name"] for sampler in samplers]
    assert all(isinstance(each, str) for one in samplers for each in one["options"].values())
    assert ([each["name"] for each in loras], hypernetworks) == (["ink"], [])
    assert embeddings["loaded"] == {}


@pytest.mark.endpoint("GET /sdapi/v1/scripts", "GET /sdapi/v1/script-info")
@pytest.mark.endpoint("GET /sdapi/v1/extensions", "GET /sdapi/v1/sd-modules")
def test_it_asks_what_more_there_is(sdai: httpx.Client) -> None:
    for path in ("script-info", "scripts", "extensions", "sd-modules"):
        assert sdai.get(f"/sdapi/v1/{path}").status_code == 200


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
@pytest.mark.parametrize("seed", ["20261121", "", None])
def test_a_prompt_becomes_a_picture(sdai: httpx.Client, seed: str | None) -> None:
    body = {
        "prompt": "red apple, 3d",
        "negative_prompt": "",
        "sampler_index": "Euler a",
        "restore_faces": False,
        "seed": seed,
        "subseed": seed,
        "subseed_strength": 0.0,
        "alwayson_scripts": None,
    }
    said = post(sdai, "txt2img", body | TINY).json()
    picture_in(said["images"][0])
    drew = json.loads(said["info"])["seed"]
    assert drew == int(seed) if seed else drew >= 0


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
def test_a_photograph_becomes_a_picture(sdai: httpx.Client) -> None:
    picture = base64.b64encode(drawn()).decode()
    body = {
        "init_images": [picture],
        "include_init_images": True,
        "mask": None,
        "prompt": "red apple, 3d",
        "negative_prompt": "",
        "sampler_index": "Euler a",
        "denoising_strength": 0.75,
        "restore_faces": False,
        "seed": "7",
        "subseed": "",
        "subseed_strength": 0.0,
    }
    said = post(sdai, "img2img", body | TINY).json()
    picture_in(said["images"][0])
    assert said["parameters"]["init_images"] == [picture]


@pytest.mark.endpoint("POST /sdapi/v1/options")
def test_it_switches_the_model(sdai: httpx.Client) -> None:
    title = sdai.get("/sdapi/v1/sd-models").json()[0]["title"]
    post(sdai, "options", {"sd_model_checkpoint": title})
    assert sdai.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == title


@pytest.mark.endpoint("POST /sdapi/v1/interrupt")
def test_it_interrupts_what_is_not_there(sdai: httpx.Client) -> None:
    assert sdai.post("/sdapi/v1/interrupt").json() == {}


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_it_is_told_at_once_what_it_would_not_wait_to_hear(
    client: FlaskClient, worker: HandWorker
) -> None:
    slow = worker.info.model_dump() | {"finish_s": 200.0}
    worker.info = WorkerInfo.model_validate(slow)
    worker.advertise()
    answer = client.post(
        "/sdapi/v1/txt2img",
        data=json.dumps({"prompt": "red apple, 3d", "seed": "1"}),
        headers=HEADERS,
    )
    assert answer.status_code == 503
    assert "this client waits 110 s" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
