"""What AI Render, the add-on of Blender, sends, and how it tells errors apart."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.compat.replays.programs import TINY, data_uri, drawn, picture_in, program

CLIENT = "AI Render"

HEADERS = {"User-Agent": "Blender/4.5.0", "Accept": "*/*", "Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def blender(address: str) -> Iterator[httpx.Client]:
    """Knows no password, so it is on the server's own machine."""
    with program(address, HEADERS) as client:
        yield client


def rendered(sampler: str) -> dict[str, object]:
    """All that it has to say of a frame, with its own words left in."""
    return {
        "prompt": "red apple, 3d",
        "negative_prompt": "ugly, bad art",
        "seed": 4017,
        "sampler": sampler,
        "image_similarity": 0.4,
        "denoising_strength": 0.6,
        "sampler_index": sampler,
        "init_images": [data_uri(drawn())],
        **TINY,
    }


@pytest.mark.endpoint(
    "GET /sdapi/v1/upscalers",
    "GET /controlnet/model_list",
    "GET /controlnet/module_list",
)
def test_it_loads_its_lists(blender: httpx.Client) -> None:
    json_only = {"Accept": "application/json"}
    upscalers = blender.get("/sdapi/v1/upscalers", headers=json_only).json()
    assert [each["name"] for each in upscalers if each["name"] != "None"] == ["Lanczos", "Nearest"]
    nets = blender.get("/controlnet/model_list", headers=json_only).json()["model_list"]
    assert nets == ["canny-edges", "ip-adapter-likeness"]
    modules = blender.get("/controlnet/module_list", headers=json_only).json()["module_list"]
    assert "canny" in modules


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
@pytest.mark.parametrize("sampler", ["LMS", "DPM++ 2M Karras", "DPM++ 2S a Karras", "PLMS"])
def test_a_frame_is_drawn_anew(blender: httpx.Client, sampler: str) -> None:
    answer = blender.post("/sdapi/v1/img2img", json=rendered(sampler))
    assert answer.status_code == 200, answer.text
    text = picture_in(answer.json()["images"][0]).info["parameters"]
    plain = sampler.removesuffix(" Karras")
    assert f"Sampler: {plain}," in text
    assert ("Schedule type: Karras" in text) == (sampler != plain)


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
@pytest.mark.parametrize("sampler", ["DPM fast", "DPM adaptive"])
def test_of_a_sampler_that_is_not_here_the_nearest_is_used(
    blender: httpx.Client, sampler: str
) -> None:
    answer = blender.post("/sdapi/v1/img2img", json=rendered(sampler))
    assert answer.status_code == 200, answer.text
    assert "dpmpp_2m is the nearest" in answer.json()["info"]


def test_a_sampler_that_nobody_has_is_told_in_the_words_it_knows(blender: httpx.Client) -> None:
    answer = blender.post("/sdapi/v1/img2img", json=rendered("Best"))
    assert (answer.status_code, answer.json()["detail"]) == (404, "Sampler not found")


def test_an_address_that_is_not_here_is_told_in_the_words_it_knows(blender: httpx.Client) -> None:
    answer = blender.post("/sdapi/v1/img2img2", json=rendered("LMS"))
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not Found")


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
def test_a_controlnet_that_is_not_here_is_named_in_the_refusal(blender: httpx.Client) -> None:
    unit = {"module": "canny", "model": "control_v11p_sd15_canny [d14c016b]"}
    scripts = {"controlnet": {"args": [unit]}}
    answer = blender.post("/sdapi/v1/img2img", json=rendered("LMS") | {"alwayson_scripts": scripts})
    assert answer.status_code == 422
    assert "control_v11p_sd15_canny" in answer.json()["detail"]
