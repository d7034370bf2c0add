"""A job that is traced, by HTTP: what it keeps of each step, and that the picture is the same."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load

from jobs import devices
from tests.running.clients.jobs import succeeded
from tests.running.paths import API
from tests.running.site import SIDE, Site

LATENT = SIDE // 8

APPLE: dict[str, Any] = {"prompt": "red apple, 3d", "seed": 7, "steps": 8, "sampler": "euler"}


def made(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    return succeeded(client, **APPLE | asked)


def picture(client: httpx.Client, url: str) -> np.ndarray[Any, Any]:
    answer = client.get(url).raise_for_status()
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.int16)


@pytest.fixture(scope="module")
def traced(client: httpx.Client) -> dict[str, Any]:
    return made(client, trace=True)


@pytest.fixture(scope="module")
def trace(client: httpx.Client, traced: dict[str, Any]) -> dict[str, Any]:
    [listed] = traced["traces"]
    return client.get(listed["url"]).raise_for_status().json()


def test_a_traced_picture_is_equal_to_the_byte(client: httpx.Client, traced: dict[str, Any]):
    plain = made(client)
    assert plain["traces"] == []
    pictures = [client.get(job["outputs"][0]["url"]).content for job in (traced, plain)]
    assert pictures[0] == pictures[1]


def test_each_step_says_how_noisy_it_is_and_how_large(trace: dict[str, Any]):
    steps = trace["steps"]
    assert [each["step"] for each in steps] == list(range(8))
    sigmas = [each["sigma"] for each in steps]
    assert sorted(sigmas, reverse=True) == sigmas
    for each in steps:
        assert abs(each["alpha_bar"] - 1 / (1 + each["sigma"] ** 2)) < 1e-4
        assert 0 < each["norms"]["difference"] < each["norms"]["noise"]


def test_the_tensors_are_those_of_the_formulas(client: httpx.Client, trace: dict[str, Any]):
    tensors = load(client.get(trace["file"]).raise_for_status().content)
    for index, step in enumerate(trace["steps"]):
        x, noise, x0 = (tensors[f"{name}.{index}"] for name in ("x", "noise", "x0"))
        signal = step["alpha_bar"] ** 0.5
        assert x.shape == (4, LATENT, LATENT)
        assert np.abs(signal * x0 + (1 - signal**2) ** 0.5 * noise - x).max() < 2e-3
        towards, without = (tensors[f"noise_{name}.{index}"] for name in ("with", "without"))
        assert np.abs(without + 4.0 * (towards - without) - noise).max() < 2e-3


def test_without_noise_the_last_step_is_the_picture_to_the_pixel(
    client: httpx.Client, traced: dict[str, Any], trace: dict[str, Any]
):
    final = picture(client, traced["outputs"][0]["url"])
    last = picture(client, f"{traced['traces'][0]['url']}/pictures/x0/7")
    assert np.abs(last - final).max() == 0
    first = picture(client, f"{traced['traces'][0]['url']}/pictures/x0/0")
    assert first.shape == final.shape
    assert np.abs(first - final).mean() > 5
    assert trace["size"] == [LATENT, LATENT]


def test_words_light_up_somewhere(client: httpx.Client, trace: dict[str, Any]):
    words = [each["text"] for each in trace["words"]]
    assert words == ["red", "apple", ",", "3d"]
    tensors = load(client.get(trace["file"]).content)
    attention = tensors["attention.7"].astype(np.float32)
    assert attention.shape == (4, LATENT, LATENT)
    # Shares of one look: all words and what stands round them are 1 together.
    assert 0 < attention.sum(axis=0).max() <= 1.001
    assert attention[1].std() > 0
    sheet = picture(client, trace["sheets"]["attention"])
    assert sheet.shape == (8 * LATENT, 4 * LATENT, 3)
    assert sheet.std() > 10
    for name in ("x", "noise", "x0", "difference"):
        assert picture(client, trace["sheets"][name]).shape == (LATENT, 8 * LATENT, 3)


def test_a_word_lights_up_where_it_acted(client: httpx.Client, traced: dict[str, Any]):
    url = traced["traces"][0]["url"]
    sheets = [picture(client, f"{url}/words/{word}")[..., 0] for word in range(4)]
    for sheet in sheets:
        assert sheet.shape == (LATENT, 8 * LATENT)
        steps = sheet.reshape(LATENT, 8, LATENT).transpose(1, 0, 2)
        assert {(int(each.min()), int(each.max())) for each in steps} == {(0, 255)}
    assert np.abs(sheets[0] - sheets[1]).mean() > 10, "each word acts in its own places"
    answer = client.get(f"{url}/words/4")
    assert answer.status_code == 404
    assert "no word 4" in answer.json()["detail"]


def test_steps_and_layers_are_chosen(client: httpx.Client):
    wanted = {"steps": [0, 5], "attention": "layers"}
    job = made(client, trace=wanted, count=2, guidance_scale=1.0)
    assert len(job["traces"]) == 2
    trace = client.get(job["traces"][1]["url"]).json()
    assert [each["step"] for each in trace["steps"]] == [0, 5]
    assert trace["layers"]
    tensors = load(client.get(trace["file"]).content)
    layer = tensors[f"attention.5.{trace['layers'][0]}"]
    assert layer.shape[0] == 4
    words = picture(client, f"{job['traces'][1]['url']}/words/1")
    assert words.shape == (LATENT, 2 * LATENT, 3)
    # Nothing is guided, and so there is one prediction.
    assert "noise_without.5" not in tensors
    assert trace["sheets"]["difference"] is None


def test_a_trace_is_its_owners_and_goes_with_its_job(client: httpx.Client, site: Site):
    job = made(client, trace=[1])
    url = job["traces"][0]["url"]
    trace = client.get(url).json()
    _, token = devices.create(site.redis, "somebody else")
    theirs = {"Authorization": f"Bearer {token}"}
    assert client.get(url, headers=theirs).status_code == 404
    files = [path for path in (site.data / "images").rglob(f"{job['id']}-*") if path.is_file()]
    assert len(files) > 4
    client.delete(job["urls"]["self"]).raise_for_status()
    assert client.get(url).status_code == 404
    assert client.get(trace["file"]).status_code in (403, 404)
    assert not [path for path in files if path.exists()]


def test_a_trace_that_cannot_be_is_refused(client: httpx.Client):
    for wrong in ({"steps": []}, [200], {"attention": "heads"}, {"nothing": 1}, list(range(80))):
        answer = client.post(f"{API}/jobs", json=APPLE | {"trace": wrong})
        assert answer.status_code == 422, wrong
        assert "/trace" in answer.text


def test_the_steps_come_as_they_are_made(client: httpx.Client):
    job = client.post(f"{API}/jobs", json=APPLE | {"trace": True, "steps": 20}).json()
    with client.stream("GET", job["urls"]["events"]) as events:
        said = [line for line in events.iter_lines() if line.startswith("event:")]
    assert "event: trace" in said
