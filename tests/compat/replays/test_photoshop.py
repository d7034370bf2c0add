"""What the Auto-Photoshop plugin sends: as it starts, for a picture, and while it waits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.compat.openai.client import SIDE, in_png, opened
from tests.compat.replays.programs import drawn, picture_in, program
from tests.running.waiting import until

CLIENT = "Auto-Photoshop"

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def photoshop(address: str) -> Iterator[httpx.Client]:
    """Knows no password, so it is on the server's own machine."""
    with program(address, HEADERS) as client:
        yield client


def settings(**fields: Any) -> dict[str, Any]:
    """What the panel holds: much of it is for the plugin itself."""
    return {
        "prompt": "red apple, 3d",
        "negative_prompt": "",
        "steps": 3,
        "width": SIDE,
        "height": SIDE,
        "firstphase_width": 0,
        "firstphase_height": 0,
        "batch_size": 2,
        "n_iter": 1,
        "cfg_scale": 4.5,
        "seed": "-1",
        "use_prompt_shortcut": False,
        "prompt_shortcut_ui_dict": {},
        "uniqueDocumentId": "1a2b3c",
        "mode": "txt2img",
        "use_smart_object": False,
        "selection_info": None,
        "sampler_index": "Euler a",
        "enable_hr": False,
        "hr_scale": 2,
        "hr_upscaler": "Latent",
        "hr_resize_x": SIDE,
        "hr_resize_y": SIDE,
        "hr_second_pass_steps": 0,
        "denoising_strength": 0.7,
        "restore_faces": False,
        "mask_expansion": 0,
        "backend_type": "auto1111",
        "alwayson_scripts": {},
        **fields,
    }


def seeds(photoshop: httpx.Client, images: list[str]) -> list[int]:
    """The seed of each picture, as the plugin finds it out."""
    found: list[int] = []
    for image in images:
        picture_in(image)
        body = {"image": "data:image/png;base64," + image}
        text = photoshop.post("/sdapi/v1/png-info", json=body).json()["info"]
        parts = dict(each.split(": ", 1) for each in text.split("\n")[-1].split(", "))
        found.append(int(parts["Seed"]))
    return found


@pytest.mark.endpoint(
    "GET /sdapi/v1/sd-models",
    "GET /sdapi/v1/samplers",
    "GET /sdapi/v1/options",
    "GET /sdapi/v1/upscalers",
    "POST /sdapi/v1/options",
)
def test_it_starts(photoshop: httpx.Client) -> None:
    models = photoshop.get("/sdapi/v1/sd-models").json()
    assert photoshop.get("/sdapi/v1/samplers").json()[0]["name"]
    options = photoshop.get("/sdapi/v1/options").json()
    assert options["sd_model_checkpoint"] == models[0]["title"]
    assert photoshop.get("/sdapi/v1/upscalers").json()[0]["name"] == "None"
    # It does without what the pages of AUTOMATIC1111 are made of.
    assert photoshop.get("/config").status_code == 404
    weight = {"inpainting_mask_weight": 0.5}
    assert photoshop.post("/sdapi/v1/options", json=weight).json() is None


@pytest.mark.endpoint("POST /sdapi/v1/txt2img", "POST /sdapi/v1/png-info")
def test_layers_are_made_of_words(photoshop: httpx.Client) -> None:
    said = photoshop.post("/sdapi/v1/txt2img", json=settings()).json()
    assert seeds(photoshop, said["images"]) == json.loads(said["info"])["all_seeds"]


@pytest.mark.endpoint("POST /sdapi/v1/img2img", "POST /sdapi/v1/png-info")
@pytest.mark.parametrize("masked", [False, True])
def test_layers_are_made_of_a_layer(photoshop: httpx.Client, masked: bool) -> None:
    mask = Image.new("RGB", (SIDE, SIDE), "black")
    mask.paste("white", (0, 0, SIDE // 2, SIDE // 2))
    painted = {
        "mask": base64.b64encode(in_png(mask)).decode(),
        "mask_blur": 0,
        "inpainting_fill": 1,
        "inpaint_full_res": False,
        "inpaint_full_res_padding": 0,
        "inpainting_mask_invert": 0,
    }
    layer = base64.b64encode(drawn()).decode()
    body = settings(
        mode="inpaint" if masked else "img2img",
        init_images=[layer],
        image_cfg_scale=1.5,
        **(painted if masked else {}),
    )
    said = photoshop.post("/sdapi/v1/img2img", json=body).json()
    assert seeds(photoshop, said["images"]) == json.loads(said["info"])["all_seeds"]
    if masked:
        corner = (3 * SIDE // 4, 3 * SIDE // 4, SIDE, SIDE)
        result, before = (opened(each).convert("RGB") for each in (said["images"][0], layer))
        assert result.crop(corner).tobytes() == before.crop(corner).tobytes()


@pytest.mark.endpoint("GET /sdapi/v1/progress", "POST /sdapi/v1/interrupt")
def test_it_watches_and_interrupts(photoshop: httpx.Client) -> None:
    seen: list[dict[str, Any]] = []

    def watched() -> bool:
        progress = "/sdapi/v1/progress?skip_current_image=false"
        seen.append(photoshop.get(progress).json())
        return bool(seen[-1]["current_image"])

    with ThreadPoolExecutor(1) as pool:
        body = settings(steps=150, batch_size=1)
        made = pool.submit(photoshop.post, "/sdapi/v1/txt2img", json=body)
        until(watched)
        assert 0 < seen[-1]["progress"] < 1
        assert opened(seen[-1]["current_image"]).width > 0
        assert photoshop.post("/sdapi/v1/interrupt").json() == {}
        assert made.result(60).json()["images"] == []


@pytest.mark.endpoint("POST /sdapi/v1/extra-single-image")
def test_a_layer_is_enlarged(photoshop: httpx.Client) -> None:
    body = {
        "resize_mode": 0,
        "show_extras_results": True,
        "gfpgan_visibility": 0,
        "codeformer_visibility": 0,
        "codeformer_weight": 0,
        "upscaling_resize": 2,
        "upscaling_resize_w": 512,
        "upscaling_resize_h": 512,
        "upscaling_crop": True,
        "upscaler_1": "Lanczos",
        "upscaler_2": "None",
        "extras_upscaler_2_visibility": 0,
        "upscale_first": False,
        "image": base64.b64encode(drawn()).decode(),
        "uniqueDocumentId": "1a2b3c",
    }
    said = photoshop.post("/sdapi/v1/extra-single-image", json=body).json()
    assert opened(said["image"]).size == (2 * SIDE, 2 * SIDE)
