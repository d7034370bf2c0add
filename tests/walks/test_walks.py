"""Walks, by HTTP: pictures of which each goes a little further than the one before."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running.clients.jobs import succeeded
from tests.running.paths import API
from tests.running.site import SIDE
from worker.engine import TOLERANCE

APPLE: dict[str, Any] = {"prompt": "red apple, 3d", "seed": 7, "steps": 2, "sampler": "ddim"}


def made(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    return succeeded(client, **APPLE | asked)


def walked(client: httpx.Client, over: str, **asked: Any) -> dict[str, Any]:
    walk = {"over": over} | asked.pop("walk", {})
    return made(client, kind="walk", walk=walk, **asked)


def pictures(client: httpx.Client, job: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    answers = [client.get(each["url"]).raise_for_status() for each in job["outputs"]]
    return [np.asarray(Image.open(io.BytesIO(each.content)), np.int16) for each in answers]


def is_as_alone(client: httpx.Client, frame: np.ndarray[Any, Any], **asked: Any) -> None:
    [alone] = pictures(client, made(client, **asked))
    assert np.abs(frame - alone).max() <= TOLERANCE


def refused(client: httpx.Client, **asked: Any) -> dict[str, str]:
    answer = client.post(f"{API}/jobs", json=APPLE | {"kind": "walk"} | asked)
    assert answer.status_code == 422, answer.text
    return {each["pointer"]: each["detail"] for each in answer.json()["errors"]}


def test_between_two_seeds_each_picture_is_that_of_its_own_request(client: httpx.Client):
    job = walked(client, "seeds", walk={"seed": 8, "frames": 3})
    assert [each["seed"] for each in job["outputs"]] == [7, 7, 8]
    first, middle, last = pictures(client, job)
    is_as_alone(client, first)
    is_as_alone(client, middle, variation_seed=8, variation_strength=0.5)
    is_as_alone(client, last, seed=8)


def test_between_two_prompts_the_words_vectors_go_from_one_to_the_other(client: httpx.Client):
    job = walked(client, "prompts", walk={"prompt": "blue boat, 3d", "frames": 3})
    first, middle, last = pictures(client, job)
    is_as_alone(client, first)
    is_as_alone(client, middle, blend_prompt="blue boat, 3d", blend=0.5)
    is_as_alone(client, last, prompt="blue boat, 3d")
    assert np.abs(middle - first).mean() > 1
    assert np.abs(middle - last).mean() > 1


@pytest.mark.slow
def test_a_prompt_is_revealed_word_by_word(client: httpx.Client):
    job = walked(client, "words", prompt="(red apple:1.2), 3d emoji")
    first, second, last = pictures(client, job)
    is_as_alone(client, first, prompt="(red apple:1.2),")
    is_as_alone(client, second, prompt="(red apple:1.2), 3d")
    is_as_alone(client, last, prompt="(red apple:1.2), 3d emoji")


def test_one_noise_in_more_and_more_steps(client: httpx.Client):
    job = walked(client, "steps", walk={"steps": [1, 2, 4]})
    assert job["progress"]["steps"] == 7
    assert job["input"]["count"] == 3
    for steps, frame in zip([1, 2, 4], pictures(client, job), strict=True):
        is_as_alone(client, frame, steps=steps)


@pytest.mark.slow
def test_one_noise_by_two_samplers_or_schedules(client: httpx.Client):
    samplers = walked(client, "samplers", walk={"samplers": ["ddim", "DPM++ 2M Karras"]})
    first, second = pictures(client, samplers)
    is_as_alone(client, first)
    is_as_alone(client, second, sampler="dpmpp_2m", schedule="karras")
    schedules = walked(
        client, "schedules", sampler="euler", walk={"schedules": ["karras", "sgm_uniform"]}
    )
    frames = pictures(client, schedules)
    is_as_alone(client, frames[0], sampler="euler", schedule="karras")
    is_as_alone(client, frames[1], sampler="euler", schedule="sgm_uniform")


def test_strip_and_animation_are_files_of_the_job_and_go_with_it(client: httpx.Client):
    job = walked(client, "seeds", walk={"seed": 8, "frames": 3, "seconds": 0.2})
    files = {each["name"]: each for each in job["files"]}
    assert files.keys() == {"strip", "animation"}
    strip = client.get(files["strip"]["url"])
    assert strip.headers["content-type"] == files["strip"]["content_type"] == "image/png"
    width, height = Image.open(io.BytesIO(strip.content)).size
    assert width > 3 * SIDE
    assert SIDE <= height < SIDE + 32
    answer = client.get(files["animation"]["url"])
    assert answer.headers["content-type"] == files["animation"]["content_type"] == "image/webp"
    animation = Image.open(io.BytesIO(answer.content))
    assert getattr(animation, "n_frames", 1) == 3
    animation.seek(1)
    animation.load()
    assert animation.info["duration"] == 200
    frame = np.asarray(animation.convert("RGB"), np.int16)
    assert np.abs(frame - pictures(client, job)[1]).mean() < 4
    assert client.delete(f"{API}/jobs/{job['id']}").status_code == 204
    assert client.get(files["animation"]["url"]).status_code == 404


def test_a_walk_without_one_of_its_pictures_is_no_longer_shown_whole(client: httpx.Client):
    job = walked(client, "seeds", walk={"frames": 2})
    [_, last] = job["outputs"]
    assert last["seed"] == job["input"]["walk"]["seed"]
    assert client.delete(f"{API}/images/{last['id']}").status_code == 204
    left = client.get(f"{API}/jobs/{job['id']}").json()
    assert (len(left["outputs"]), left["files"]) == (1, [])
    assert client.get(job["files"][0]["url"]).status_code == 404


@pytest.mark.slow
def test_its_request_sent_again_makes_it_again(client: httpx.Client):
    job = walked(client, "seeds", walk={"frames": 2})
    again = made(client, **job["input"])
    for one, other in zip(pictures(client, job), pictures(client, again), strict=True):
        assert np.abs(one - other).max() <= TOLERANCE


def test_what_does_not_fit_is_said_field_by_field(client: httpx.Client):
    def said(walk: dict[str, Any] | None, **asked: Any) -> dict[str, str]:
        return refused(client, **({"walk": walk} if walk else {}), **asked)

    assert "is required" in said(None)["/walk"]
    assert (
        "words does not take it; prompts does"
        in said({"over": "words", "prompt": "x"})["/walk/prompt"]
    )
    assert "is required" in said({"over": "prompts"})["/walk/prompt"]
    assert "is required" in said({"over": "samplers"})["/walk/samplers"]
    assert "two words" in said({"over": "words"}, prompt="apple")["/prompt"]
    assert "it is 3, not 5" in said({"over": "steps", "steps": [1, 2, 3]}, count=5)["/count"]
    assert (
        "no schedule is named"
        in said({"over": "schedules", "schedules": ["karras", "x"]})["/walk/schedules/1"]
    )
    assert "the walk sets it" in said({"over": "seeds"}, variation_seed=3)["/variation_seed"]
    assert "the kind walk does" in said({"over": "words"}, kind="text-to-image")["/walk"]
    assert "second pass" in said({"over": "words"}, hires={})["/hires"]
