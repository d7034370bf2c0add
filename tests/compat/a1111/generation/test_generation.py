"""Pictures through `webuiapi`, unchanged, from the model that ships."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from webuiapi import HiResUpscaler, WebUIApi

from tests.compat.a1111.client import QUICK, SIDE, connect, pixels, same
from tests.running import site

PROMPT = "red apple, 3d"


@pytest.fixture(scope="module")
def api(address: str) -> WebUIApi:
    return connect(address)


@pytest.fixture(scope="module")
def apple(api: WebUIApi) -> Image.Image:
    """A picture to start from."""
    return api.txt2img(prompt=PROMPT, seed=1, **QUICK).image


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_batch_has_the_pictures_that_its_seeds_make_alone(api: WebUIApi) -> None:
    batch = api.txt2img(prompt=PROMPT, negative_prompt="grey", seed=5, batch_size=3, **QUICK)
    assert batch.info["all_seeds"] == [5, 6, 7]
    assert [picture.size for picture in batch.images] == [(SIDE, SIDE)] * 3
    alone = api.txt2img(prompt=PROMPT, negative_prompt="grey", seed=6, **QUICK)
    assert same(batch.images[1], alone.image)
    assert not same(batch.images[0], alone.image)


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_what_is_said_of_a_picture_is_what_the_picture_says(api: WebUIApi) -> None:
    result = api.txt2img(prompt=PROMPT, negative_prompt="grey", seed=5, **QUICK)
    text = result.image.text["parameters"]
    assert result.info["infotexts"] == [text]
    assert text.startswith(f"{PROMPT}\nNegative prompt: grey\nSteps: 3, Sampler: Euler, ")
    assert "Seed: 5, Size: 128x128" in text
    keys = """prompt all_prompts negative_prompt all_negative_prompts seed all_seeds subseed
        all_subseeds subseed_strength width height sampler_name cfg_scale steps batch_size
        restore_faces face_restoration_model sd_model_name sd_model_hash sd_vae_name sd_vae_hash
        seed_resize_from_w seed_resize_from_h denoising_strength extra_generation_params
        index_of_first_image infotexts styles job_timestamp clip_skip
        is_using_inpainting_conditioning notes version"""
    assert set(result.info) == set(keys.split())
    assert result.info["sampler_name"] == "Euler"
    assert result.parameters["prompt"] == PROMPT


def test_a_request_that_says_nothing_but_the_prompt_gets_the_models_own_size(address: str) -> None:
    answer = httpx.post(f"{address}/sdapi/v1/txt2img", json={"prompt": PROMPT}, timeout=120)
    said = answer.json()
    picture = Image.open(io.BytesIO(base64.b64decode(said["images"][0], validate=True)))
    assert (picture.format, picture.size) == ("PNG", (site.SIDE, site.SIDE))
    assert said["parameters"]["steps"] == site.STEPS


def test_both_apis_make_the_same_picture(api: WebUIApi, address: str) -> None:
    """`webuiapi` sends its own defaults for what is not named here; so does the job."""
    ours: dict[str, Any] = {
        "prompt": PROMPT,
        "seed": 9,
        "width": SIDE,
        "height": SIDE,
        "steps": 3,
        "guidance_scale": 3.0,
        "sampler": "euler",
    }
    headers = {"Prefer": "wait=60"}
    job = httpx.post(f"{address}/api/v1/jobs", json=ours, headers=headers, timeout=90).json()
    stored = httpx.get(address + job["outputs"][0]["url"], timeout=30).content
    theirs = api.txt2img(prompt=PROMPT, seed=9, **QUICK).image
    assert same(Image.open(io.BytesIO(stored)), theirs)


def test_what_is_made_here_is_in_the_list_of_jobs(api: WebUIApi, address: str) -> None:
    api.txt2img(prompt="a job to be found, flat", seed=2, **QUICK)
    jobs = httpx.get(f"{address}/api/v1/jobs", timeout=30).json()["jobs"]
    found = [job for job in jobs if job["input"]["prompt"] == "a job to be found, flat"]
    assert [job["status"] for job in found] == ["succeeded"]


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_second_pass_is_larger(api: WebUIApi) -> None:
    result = api.txt2img(
        prompt=PROMPT,
        seed=1,
        enable_hr=True,
        hr_scale=1.5,
        hr_upscaler=HiResUpscaler.Lanczos,
        hr_second_pass_steps=2,
        denoising_strength=0.5,
        **QUICK,
    )
    assert result.image.size == (192, 192)
    # The model that ships draws at one size only, so what is larger is not painted again.
    assert result.info["denoising_strength"] == 0
    assert "not painted again" in result.info["notes"][0]
    assert "Hires upscale: 1.5" in result.info["infotexts"][0]


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
def test_a_little_denoising_stays_close_to_the_picture(api: WebUIApi, apple: Image.Image) -> None:
    def distance(strength: float) -> float:
        result = api.img2img(
            images=[apple], prompt=PROMPT, seed=3, denoising_strength=strength, **QUICK
        )
        assert result.image.size == (SIDE, SIDE)
        return float(np.abs(pixels(result.image).astype(int) - pixels(apple)).mean())

    assert distance(0.34) < distance(1.0)


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
@pytest.mark.parametrize("invert", [0, 1])
@pytest.mark.parametrize("fill", [0, 1, 2, 3])
def test_outside_of_the_mask_no_pixel_changes(
    api: WebUIApi, apple: Image.Image, fill: int, invert: int
) -> None:
    mask = Image.new("L", apple.size, "white" if invert else "black")
    ImageDraw.Draw(mask).rectangle((0, 0, 63, 63), fill="black" if invert else "white")
    result = api.img2img(
        images=[apple],
        mask_image=mask,
        mask_blur=0,
        inpainting_fill=fill,
        inpainting_mask_invert=invert,
        inpaint_full_res=bool(fill % 2),
        prompt="blue ball, 3d",
        seed=4,
        **QUICK,
    )
    before, after = pixels(apple), pixels(result.image)
    kept = np.ones((SIDE, SIDE), bool)
    kept[:64, :64] = False
    assert (before[kept] == after[kept]).all()
    assert (before[~kept] != after[~kept]).any()


def test_no_line_of_code_is_shown_for_what_is_wrong(api: WebUIApi) -> None:
    with pytest.raises(RuntimeError) as error:
        api.txt2img(prompt=PROMPT, **{**QUICK, "steps": 1000})
    status, text = error.value.args
    assert status == 422
    assert "steps: must be at most 150; it is 1000" in text
    assert "Traceback" not in text
