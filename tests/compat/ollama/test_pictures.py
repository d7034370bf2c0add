"""Ollama's client, unchanged, on a real server and a real worker with the model that ships."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from ollama import Client, ResponseError

from tests.compat.openai.client import SIDE, in_png, opened, photograph, same, shows_something
from tests.running.site import STEPS

PROMPT = "red apple, 3d"

generation = pytest.mark.endpoint("POST /api/generate")
lists = pytest.mark.endpoint("GET /api/tags", "GET /api/ps", "POST /api/show", "GET /api/version")


@pytest.fixture
def ollama(address: str) -> Iterator[Client]:
    with Client(host=address) as client:
        yield client


@generation
def test_a_picture_comes_whole_or_with_a_line_for_each_step_and_is_the_same(ollama: Client):
    asked: dict[str, Any] = {"prompt": PROMPT, "steps": 4, "options": {"seed": 7}}
    whole = ollama.generate("emoji", **asked)
    assert (whole.model, whole.response, whole.done, whole.done_reason) == (
        *("emoji", ""),
        *(True, "stop"),
    )
    assert (whole.total_duration or 0) >= (whole.load_duration or 0) > 0
    picture = opened(whole.image or "")
    assert (picture.format, picture.size) == ("PNG", (SIDE, SIDE))
    assert shows_something(picture)
    *steps, last = ollama.generate("emoji:latest", stream=True, **asked)
    assert [each.total for each in steps] == [4] * len(steps)
    told = [each.completed or 0 for each in steps]
    assert told[0] == 0
    assert told == sorted(told)
    assert max(told) > 0
    assert not any(each.done or each.image for each in steps)
    assert last.done
    assert same(opened(last.image or ""), picture)


@generation
def test_a_picture_that_comes_along_is_made_anew(ollama: Client, address: str):
    sent = in_png(photograph())
    asked: dict[str, Any] = {"prompt": PROMPT, "steps": 4}
    options = {"seed": 7, "strength": 0.3, "num_ctx": 4096, "temperature": 0.8}
    made = opened(ollama.generate("emoji", images=[sent], options=options, **asked).image or "")
    assert made.size == (SIDE, SIDE)
    assert "Denoising strength: 0.3" in made.info["parameters"]
    both = {"model": "emoji", "images": [base64.b64encode(sent).decode()] * 2, "stream": False}
    said = httpx.post(f"{address}/api/generate", json=both | asked, timeout=60).json()
    assert said["notes"] == ["images: emoji takes one picture: the first of the 2 counted"]
    assert said["seed"] >= 0


@generation
def test_what_is_left_out_or_nought_is_the_models_own(ollama: Client, address: str):
    # As its own command sends a preload, and curl a body whose type it does not know.
    assert ollama.generate("emoji").done_reason == "load"
    assert ollama.generate("emoji", keep_alive=0).done_reason == "unload"
    body = {
        "model": "EMOJI",
        "prompt": PROMPT,
        "width": 0,
        "height": 0,
        "steps": 0,
        "options": None,
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{address}/api/generate", content=json.dumps(body), headers=form)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0]["total"] == STEPS
    assert "notes" not in lines[-1]
    assert opened(lines[-1]["image"]).size == (SIDE, SIDE)


@generation
def test_a_field_that_nobody_knows_is_named(address: str):
    body = {
        "model": "emoji",
        "prompt": PROMPT,
        "stream": False,
        "system": "Be brief.",
        "loras": ["ink"],
        "options": {"temperature": 0.7, "scale": 4},
    }
    said = httpx.post(f"{address}/api/generate", json=body, timeout=60).json()
    passed_over = "is not read here; the picture was made without it"
    assert said["notes"] == [f"loras: {passed_over}", f"options/scale: {passed_over}"]


@generation
@pytest.mark.endpoint("POST /api/chat")
@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"model": "llama3.2", "prompt": "hi"}, 404, "model 'llama3.2' not found"),
        ({"model": "emoji", "prompt": "hi", "steps": 5000}, 400, "steps: "),
        ({"model": "emoji", "prompt": "hi", "width": 5000}, 400, "width: "),
        ({"model": "emoji", "prompt": "hi", "options": {"strength": 3}}, 400, "strength: "),
        ({"model": "emoji", "prompt": "hi", "images": ["AAAA"]}, 400, "images: "),
    ],
)
def test_an_error_is_one_sentence_that_names_what_is_wrong(
    ollama: Client, address: str, asked: dict[str, Any], status: int, said: str
):
    for stream in (True, False):
        answer = httpx.post(f"{address}/api/generate", json=asked | {"stream": stream})
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        assert said in answer.json()["error"]
    with pytest.raises(ResponseError, match="does not support chat"):
        ollama.chat("emoji", [{"role": "user", "content": "hi"}])


@lists
def test_the_models_are_listed_and_described(ollama: Client, address: str):
    (listed,) = ollama.list().models
    assert listed.model == "emoji:latest"
    assert listed.details
    shown = ollama.show("emoji:latest")
    assert "image" in (shown.capabilities or [])
    assert (shown.modelinfo or {})["general.architecture"] == listed.details.family
    assert f"steps           {STEPS}" in (shown.parameters or "")
    assert [each.model for each in ollama.ps().models] == ["emoji:latest"]
    version = httpx.get(f"{address}/api/version").json()["version"]
    assert [int(part) for part in version.partition("-")[0].split(".")] >= [0, 14]


@generation
def test_a_token_lets_in_by_the_address_or_as_a_key(address: str, token: Callable[[str], str]):
    key = token("ollama")
    with Client(host=f"{address}/t/{key}") as by_path:
        assert by_path.list().models
        assert by_path.generate("emoji", PROMPT, steps=2).image
    with Client(host=address, headers={"Authorization": f"Bearer {key}"}) as by_header:
        assert by_header.list().models
    with (
        Client(host=address, headers={"Authorization": "Bearer dk_wrong"}) as wrong,
        pytest.raises(ResponseError) as refused,
    ):
        wrong.list()
    assert refused.value.status_code == 401
    assert "not valid here" in refused.value.error
