"""What programs send by their defaults is taken, and said where it is done otherwise."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.compat.a1111.client import in_base64

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"
QUICK = {"prompt": "red apple, 3d", "steps": 2, "seed": 5, "width": 128, "height": 128}
PICTURE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
START = in_base64(Image.fromarray(PICTURE))


@pytest.fixture
def http(address: str):
    with httpx.Client(base_url=address, timeout=120, auth=("defaults", "any")) as http:
        yield http
        http.post("/sdapi/v1/options", json={"samples_format": "png", "send_seed": True})


def asked(http: httpx.Client, path: str, **body: Any) -> tuple[Image.Image, list[str], dict]:
    answer = http.post(path, json=QUICK | body)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    info = json.loads(said["info"])
    picture = Image.open(io.BytesIO(base64.b64decode(said["images"][0])))
    return picture, info["notes"], info


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_what_is_not_done_here_is_left_out_and_named(http: httpx.Client) -> None:
    scripts = {
        "ADetailer": {"args": [True, False, {"ad_model": "face_yolov8n.pt"}]},
        "Refiner": {"args": [True, "xl-refiner", 0.8]},
        "Hires CFG": {"args": [{"enabled": False}]},
        "Anything": {"args": [False, 1, 2]},
        "Seed": {"args": ["9", True, -1, 0.0, 0, 0]},
    }
    unit = {"image": START, "input_image": START, "model": "canny-edges", "module": "canny"}
    scripts["ControlNet"] = {
        "args": [unit | {"pixel_perfect": True, "union_control_type": "Depth"}]
    }
    unread = {"eta": 0.5, "hr_scale": 2, "tilling": True}
    body = {"restore_faces": True, "alwayson_scripts": scripts, "steps": "2", **unread}
    _, notes, info = asked(http, TXT2IMG, **body)
    assert info["seed"] == 9
    assert [note.partition(":")[0] for note in notes] == [
        "tilling",
        "alwayson_scripts/ADetailer",
        "alwayson_scripts/Refiner",
        "restore_faces",
        "alwayson_scripts/ControlNet/args/0/union_control_type",
    ]
    assert asked(http, TXT2IMG, alwayson_scripts={"ADetailer": {"args": [False]}})[1] == []


def test_a_number_may_be_written_as_automatic1111_reads_it(http: httpx.Client) -> None:
    # A Discord bot halves its steps, whatever comes of it.
    second = {"enable_hr": True, "hr_scale": 1, "hr_second_pass_steps": 2.5, "hr_upscaler": "None"}
    body = {"steps": 3.0, "seed": "7", "width": "128.0", "n_iter": 1.0, "cfg_scale": "4"} | second
    _, notes, info = asked(http, TXT2IMG, **body)
    assert (info["seed"], info["steps"], info["cfg_scale"], notes) == (7, 3, 4.0, [])
    assert "Hires steps: 2" in info["infotexts"][0]


@pytest.mark.endpoint("POST /sdapi/v1/extra-single-image", "GET /sdapi/v1/upscalers")
def test_upscalers_that_automatic1111_ships_are_the_best_there_is_here(http: httpx.Client) -> None:
    names = [each["name"] for each in http.get("/sdapi/v1/upscalers").json()]
    assert names[:3] == ["None", "Lanczos", "Nearest"]
    body = {"image": START, "upscaler_1": "R-ESRGAN 4x+", "upscaling_resize": 2}
    answer = http.post("/sdapi/v1/extra-single-image", json=body)
    assert answer.status_code == 200, answer.text
    assert "R-ESRGAN 4x+ is not here; lanczos enlarged" in answer.json()["html_info"]
    body["upscaler_1"] = "Nearest"
    plain = http.post("/sdapi/v1/extra-single-image", json=body).json()
    assert plain["html_info"] == ""
    made = np.asarray(Image.open(io.BytesIO(base64.b64decode(plain["image"]))))
    assert np.array_equal(made, PICTURE.repeat(2, 0).repeat(2, 1))


@pytest.mark.endpoint("POST /sdapi/v1/img2img", "GET /sdapi/v1/scripts")
def test_the_script_sd_upscale_enlarges_the_picture_and_draws_over_it(http: httpx.Client) -> None:
    assert "sd upscale" in http.get("/sdapi/v1/scripts").json()["img2img"]
    script = {"script_name": "SD upscale", "script_args": [None, 64, "ESRGAN_4x", 2.0]}
    picture, notes, _ = asked(http, IMG2IMG, init_images=[START], denoising_strength=0.2, **script)
    assert picture.size == (128, 128)
    assert "whole picture" in notes[0]
    assert "lanczos enlarged" in notes[1]


@pytest.mark.endpoint("POST /sdapi/v1/options")
def test_options_are_kept_and_the_format_of_samples_is_honoured(http: httpx.Client) -> None:
    assert http.get("/sdapi/v1/options").json()["send_seed"] is True
    sent = {"send_seed": False, "samples_format": "webp", "control_net_unit_count": 3}
    assert http.post("/sdapi/v1/options", json=sent).status_code == 200
    kept = http.get("/sdapi/v1/options").json()
    assert {name: kept[name] for name in sent} == sent
    assert asked(http, TXT2IMG)[0].format == "WEBP"
    once = {"samples_format": "jpg", "CLIP_stop_at_last_layers": "1"}
    picture, _, info = asked(http, TXT2IMG, override_settings=once)
    assert picture.format == "JPEG"
    assert "Steps: 2" in info["infotexts"][0]


def test_soft_inpainting_reads_grey_as_strength(http: httpx.Client) -> None:
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (128, 1))
    body = {
        "init_images": [in_base64(Image.new("RGB", (128, 128), "teal"))],
        "mask": in_base64(Image.fromarray(ramp)),
        "mask_blur": 0,
        "inpaint_full_res": False,
        "denoising_strength": 1,
    }
    start = np.asarray(Image.new("RGB", (128, 128), "teal")).astype(int)

    def changed(**more: Any) -> np.ndarray:
        return np.abs(np.asarray(asked(http, IMG2IMG, **body, **more)[0]).astype(int) - start)

    assert changed()[:, :60].max() == 0
    soft = changed(alwayson_scripts={"Soft inpainting": {"args": [True, 1, 0.5, 4, 0, 0.5, 2]}})
    assert soft[:, 20:60].max() > 0
    assert changed(mask_round=False)[:, 40:60].mean() > 1


DYNAMIC = "Dynamic Thresholding (CFG Scale Fix)"


def test_dynamic_thresholding_is_the_field_that_is_here(http: httpx.Client) -> None:
    as_here = [True, 3, 95, "Constant", 0, "Constant", 0, 4, True, "MEAN", "AD", 1]
    body = {"prompt": "a star", "steps": 2, "seed": 4, "cfg_scale": 30}
    plain, *_ = asked(http, TXT2IMG, **body)
    tamed, notes, _ = asked(http, TXT2IMG, **body, alwayson_scripts={DYNAMIC: {"args": as_here}})
    assert notes == []
    assert "Mimic scale: 3, Threshold percentile: 95" in tamed.text["parameters"]
    assert np.abs(np.asarray(tamed).astype(int) - np.asarray(plain)).max() > 2
    other = [*as_here[:3], "Half Cosine Up", *as_here[4:]]
    answer = http.post(TXT2IMG, json=body | {"alwayson_scripts": {DYNAMIC: {"args": other}}})
    assert answer.status_code == 422
    assert "mimic_mode must be Constant here; it is 'Half Cosine Up'" in answer.text


FREEU = "FreeU Integrated (SD 1.x, SD 2.x, SDXL)"
PERTURBED = "PerturbedAttentionGuidance Integrated"


@pytest.mark.parametrize(
    ("name", "args", "kept", "noted"),
    [
        (FREEU, [True, 1.5, 1.6, 0.9, 0.2, 0, 1], {"b1": 1.5, "b2": 1.6, "s1": 0.9, "s2": 0.2}, 0),
        (FREEU, [1.3, 1.4, 0.9, 0.2, 0.5, 1], {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}, 1),
        (PERTURBED, [True, 4], 4.0, 0),
        (f"{PERTURBED} (SD1.x, SD2.x, SDXL)", [True, 2.5, 0, 0.15, 0.6], 2.5, 1),
    ],
)
def test_what_forge_has_acting_within_a_unet_acts_within_it(
    http: httpx.Client, name: str, args: list[Any], kept: Any, noted: int
) -> None:
    body = {"prompt": "a star", "steps": 4, "seed": 4, "cfg_scale": 4}
    plain, *_ = asked(http, TXT2IMG, **body)
    picture, notes, _ = asked(http, TXT2IMG, **body, alwayson_scripts={name: {"args": args}})
    assert len(notes) == noted
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(plain)).max() > 2
    record = http.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
    assert record["input"]["freeu" if name == FREEU else "pag_scale"] == kept
    off, notes, _ = asked(http, TXT2IMG, **body, alwayson_scripts={name: {"args": [False, 1, 1]}})
    assert np.abs(np.asarray(off).astype(int) - np.asarray(plain)).max() <= 2
    assert notes == []


def test_what_a_unet_s_script_is_given_instead_of_a_number_is_refused(http: httpx.Client) -> None:
    script = {FREEU: {"args": [True, "much"]}}
    answer = http.post(TXT2IMG, json=QUICK | {"alwayson_scripts": script})
    assert answer.status_code == 422
    assert "must be numbers; they are ['much']" in answer.text


@pytest.mark.endpoint("GET /sdapi/v1/samplers")
def test_an_address_may_end_with_a_slash(http: httpx.Client) -> None:
    assert http.get("/sdapi/v1/samplers/").json() == http.get("/sdapi/v1/samplers").json()
    answer = http.post(f"{TXT2IMG}/", json=QUICK)
    assert answer.status_code == 200, answer.text
    assert http.get("/v1/models/").status_code == 200
