"""What the server shows of a model by HTTP: its schedules, words, noise and autoencoder."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from jobs import devices
from tests.running.paths import API
from tests.running.site import SIDE, Site

LATENT = SIDE // 8


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url + API, timeout=120) as client:
        yield client


def said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def pixels(uri: str) -> np.ndarray[Any, Any]:
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)


def picture(size: tuple[int, int] = (96, 64)) -> str:
    """A round red thing on white, as a data URI."""
    image = Image.new("RGB", size, "white")
    image.paste((200, 30, 40), (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4))
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_a_schedule_has_the_noise_of_training_and_of_the_walk(client: httpx.Client):
    found = said(client.get("/schedules/euler", params={"steps": 10, "schedule": "karras"}))
    training, walk = found["training"], found["walk"]
    assert found["model"] == "emoji"
    assert len(training["betas"]) == len(training["alpha_bar"]) == 1000
    product = np.cumprod(1 - np.array(training["betas"]))
    assert np.abs(product - training["alpha_bar"]).max() < 1e-4
    assert len(walk["timesteps"]) == 10
    assert sorted(walk["sigmas"], reverse=True) == walk["sigmas"]
    first, last = walk["alpha_bar"][0], walk["alpha_bar"][-1]
    assert first < 0.02 < 0.9 < last
    assert abs(walk["snr"][3] - 1 / walk["sigmas"][3] ** 2) < 0.01 * walk["snr"][3]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/schedules/nonsense", 404, "no sampler"),
        ("/schedules/euler?model=nobody", 422, "no model"),
        ("/schedules/euler?steps=5000", 422, "steps"),
        ("/schedules/ddim?schedule=karras", 422, "karras"),
    ],
)
def test_what_no_schedule_is_there_for_is_refused(
    client: httpx.Client, path: str, status: int, says: str
):
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert says in answer.text


def test_a_prompt_becomes_tokens_words_and_windows(client: httpx.Client):
    found = said(client.post("/tokenize", json={"prompt": "a (red:1.3) giraffle"}))
    [encoder] = found["encoders"]
    assert encoder["encoder"] == "text_encoder"
    [window] = encoder["windows"]
    words = {word["text"]: word for word in found["words"]}
    assert words["red"]["weight"] == 1.3
    assert words["red"]["known"]
    assert not words["giraffle"]["known"]
    assert "giraffe" in words["giraffle"]["nearest"]
    assert window["used"] == len(window["tokens"]) < window["size"]
    assert [t["id"] for t in window["tokens"] if t["token"].startswith("red")]


def test_what_a_table_of_words_takes_a_prompt_for_is_said_beside_it(client: httpx.Client):
    found = said(client.post("/tokenize", json={"prompt": "quả táo đỏ"}))
    assert found["read_as"] == "red apple"
    assert "apple" not in [word["text"] for word in found["words"]]
    assert said(client.post("/tokenize", json={"prompt": "red apple"}))["read_as"] is None


def test_a_long_prompt_fills_more_than_one_window(client: httpx.Client):
    found = said(client.post("/tokenize", json={"prompt": "red apple, " * 12}))
    assert len(found["encoders"][0]["windows"]) > 1
    assert client.post("/tokenize", json={"prompt": "x" * 100_000}).status_code == 422


def test_a_picture_drowns_in_noise_as_the_formula_says(client: httpx.Client):
    asked = {
        "image": picture(),
        "schedule": "scaled_linear",
        "timesteps": [0, 200, 999],
        "way": "both",
        "seed": 3,
    }
    found = said(client.post("/forward", json=asked))
    steps = found["steps"]
    assert [each["timestep"] for each in steps] == [0, 200, 999]
    for each in steps:
        assert abs(each["signal"] ** 2 + each["variance"] - 1) < 1e-4
        for way in ("closed", "stepwise"):
            measured = each[way]
            assert abs(measured["noise_mean"]) < 0.03
            assert abs(measured["noise_deviation"] - each["variance"] ** 0.5) < 0.03
    source = pixels(found["picture"])
    assert np.abs(pixels(steps[0]["closed"]["picture"]) - source).mean() < 20
    assert np.abs(pixels(steps[2]["closed"]["picture"]) - source).mean() > 60
    assert len(found["curve"]["signal"]) > 50


def test_latents_drown_and_the_network_says_what_it_sees(client: httpx.Client):
    asked = {
        "image": picture((128, 128)),
        "schedule": "model",
        "space": "latents",
        "timesteps": [100, 900],
        "prompt": "red ball",
        "seed": 3,
    }
    steps = said(client.post("/forward", json=asked))["steps"]
    for each in steps:
        assert 0 < each["prediction"]["loss"] < 2
        assert pixels(each["prediction"]["noise"]).shape == (LATENT, LATENT, 3)
        assert pixels(each["prediction"]["x0"]).shape == (LATENT, LATENT, 3)
    # Nearly all of it is noise: that is the easier question.
    assert steps[1]["prediction"]["loss"] < steps[0]["prediction"]["loss"]


def test_a_picture_goes_through_the_autoencoder_and_back(client: httpx.Client):
    found = said(client.post("/autoencode", json={"image": picture((128, 128))}))
    assert found["pixels"] == [SIDE, SIDE, 3]
    assert found["latents"] == [LATENT, LATENT, 4]
    assert (found["fewer_places"], found["fewer_numbers"]) == (64, 48)
    assert found["psnr"] > 18
    assert pixels(found["reconstruction"]).shape == (SIDE, SIDE, 3)
    assert len(found["channels"]) == 4
    assert pixels(found["channels"][0]).shape == (LATENT, LATENT, 3)
    edited = said(client.post("/autoencode", json={"image": picture((128, 128)), "zero": [0]}))
    assert edited["psnr"] < found["psnr"]
    other = picture((64, 64))
    mixed = {"image": picture((128, 128)), "mix": other, "amount": 0.5}
    assert said(client.post("/autoencode", json=mixed))["edited"] is not None


def test_what_cannot_be_is_refused_by_its_field(client: httpx.Client):
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("/forward", {"image": picture(), "timesteps": [1000]}, "timesteps"),
        ("/forward", {"image": picture(), "timesteps": list(range(40))}, "timesteps"),
        ("/forward", {"image": "data:image/png;base64,AAAA"}, "image"),
        ("/forward", {"image": picture(), "prompt": "x", "space": "pixels"}, "prompt"),
        ("/autoencode", {"image": picture(), "zero": [9]}, "zero"),
        ("/autoencode", {}, "image"),
        ("/tokenize", {"prompt": "x", "model": "nobody"}, "model"),
    ]
    for path, body, field in wrong:
        answer = client.post(path, json=body)
        assert answer.status_code == 422, (path, body, answer.text)
        assert any(field in each["pointer"] for each in answer.json()["errors"]), answer.text


def test_others_pictures_are_not_for_a_study(client: httpx.Client, site: Site):
    job = client.post("/jobs", json={"prompt": "x", "steps": 2}, headers={"Prefer": "wait=60"})
    image = job.json()["outputs"][0]["id"]
    assert said(client.post("/autoencode", json={"image": image}))["pixels"] == [SIDE, SIDE, 3]
    _, token = devices.create(site.redis, "somebody else")
    theirs = {"Authorization": f"Bearer {token}"}
    answer = client.post("/autoencode", json={"image": image}, headers=theirs)
    assert answer.status_code == 422
    assert "no picture" in answer.text
