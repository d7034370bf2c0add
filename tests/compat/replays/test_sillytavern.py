"""What SillyTavern's server sends when its image extension is set to AUTOMATIC1111."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.compat.replays.programs import TINY, picture_in, program
from tests.running.waiting import until

CLIENT = "SillyTavern"

HEADERS = {"User-Agent": "node-fetch", "Accept": "*/*", "Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def tavern(address: str, token: Callable[..., str]) -> Iterator[httpx.Client]:
    with program(address, HEADERS, token("SillyTavern")) as client:
        yield client


def get(tavern: httpx.Client, path: str) -> Any:
    answer = tavern.get(f"/sdapi/v1/{path}")
    assert answer.is_success
    return answer.json()


def body(**fields: Any) -> str:
    """Everything of its form, along with how to reach the server itself."""
    return json.dumps(
        {
            "url": "http://127.0.0.1:7860",
            "auth": "",
            "prompt": "best quality, red apple, 3d",
            "negative_prompt": "lowres, bad anatomy",
            "sampler_name": "Euler a",
            "scheduler": "normal",
            "restore_faces": False,
            "enable_hr": False,
            "hr_upscaler": "Latent",
            "hr_scale": 1,
            "hr_additional_modules": [],
            "denoising_strength": 0.7,
            "hr_second_pass_steps": 0,
            "seed": None,
            "override_settings": {"CLIP_stop_at_last_layers": 1},
            "override_settings_restore_afterwards": True,
            "clip_skip": 1,
            "save_images": True,
            "send_images": True,
            "do_not_save_grid": False,
            "do_not_save_samples": False,
            **TINY,
            **fields,
        }
    )


@pytest.mark.endpoint(
    "GET /sdapi/v1/options",
    "GET /sdapi/v1/samplers",
    "GET /sdapi/v1/schedulers",
    "GET /sdapi/v1/sd-models",
    "GET /sdapi/v1/sd-vae",
    "GET /sdapi/v1/sd-modules",
    "GET /sdapi/v1/upscalers",
    "GET /sdapi/v1/latent-upscale-modes",
)
def test_it_connects(tavern: httpx.Client) -> None:
    assert get(tavern, "options")["sd_model_checkpoint"]
    for path, name in (("samplers", "Euler a"), ("schedulers", "karras")):
        assert name in [each["name"] for each in get(tavern, path)]
    assert get(tavern, "sd-models")[0]["title"] == get(tavern, "options")["sd_model_checkpoint"]
    for path in ("sd-vae", "sd-modules"):
        assert [each["model_name"] for each in get(tavern, path)] == []
    # Its list is None, then what enlarges latents, then the rest.
    upscalers = [each["name"] for each in get(tavern, "upscalers")]
    upscalers[1:1] = [each["name"] for each in get(tavern, "latent-upscale-modes")]
    assert upscalers == ["None", "Latent", "Lanczos", "Nearest"]


@pytest.mark.endpoint("GET /sdapi/v1/options", "POST /sdapi/v1/txt2img")
def test_a_scene_becomes_a_picture(tavern: httpx.Client) -> None:
    assert "forge_preset" not in get(tavern, "options")
    headers = {"Content-Type": "application/json"}
    answer = tavern.post("/sdapi/v1/txt2img", content=body(), headers=headers)
    assert answer.is_success, answer.text
    picture_in(answer.json()["images"][0])


@pytest.mark.endpoint("POST /sdapi/v1/options", "GET /sdapi/v1/progress")
def test_after_a_switch_of_models_it_sees_that_nothing_is_under_way(tavern: httpx.Client) -> None:
    title = get(tavern, "sd-models")[0]["title"]
    headers = {"Content-Type": "application/json"}
    wanted = json.dumps({"sd_model_checkpoint": title})
    assert tavern.post("/sdapi/v1/options", content=wanted, headers=headers).is_success
    said = get(tavern, "progress")
    assert said["progress"] == 0.0
    assert said["state"]["job_count"] == 0


@pytest.mark.endpoint("POST /sdapi/v1/interrupt", "GET /sdapi/v1/progress")
def test_what_is_stopped_there_is_stopped_here(tavern: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    with ThreadPoolExecutor(1) as pool:
        asked = body(steps=150)
        made = pool.submit(tavern.post, "/sdapi/v1/txt2img", content=asked, headers=headers)
        until(lambda: get(tavern, "progress?skip_current_image=true")["state"]["sampling_step"] > 1)
        begun = time.monotonic()
        assert tavern.post("/sdapi/v1/interrupt").is_success
        answer = made.result(60)
    assert answer.json()["images"] == []
    assert time.monotonic() - begun < 20
    assert get(tavern, "progress")["state"]["job_count"] == 0
