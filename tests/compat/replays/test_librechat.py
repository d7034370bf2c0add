"""What LibreChat's tool `stable-diffusion` sends, and what it reads of the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import httpx
import pytest

from tests.compat.replays.programs import TINY, picture_in

CLIENT = "LibreChat"

HEADERS = {
    "User-Agent": "axios/1.8.2",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, compress, deflate, br",
    "Content-Type": "application/json",
}


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_chat_gets_a_picture(address: str, token: Callable[..., str]) -> None:
    # SD_WEBUI_URL is all that it knows, so the token stands there.
    url = httpx.URL(address, username="me", password=token("LibreChat"))
    body = {
        "prompt": "red apple, 3d, glossy, single, centered, simple, bright",
        "negative_prompt": "lowres, blurry, text, watermark, cropped, deformed, ugly",
        **TINY,
    }
    with httpx.Client(headers=HEADERS, timeout=120) as client:
        answer = client.post(url.join("/sdapi/v1/txt2img"), content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    image = said["images"][0]
    assert base64.b64decode(image.split(",", 1)[0], validate=True)
    carried = picture_in(image).info["parameters"]
    info = json.loads(said["info"])
    assert (info["height"], info["width"]) == (TINY["height"], TINY["width"])
    assert info["infotexts"][0] == carried
    assert info["infotexts"][0].split("\n").pop().startswith("Steps: 3, ")
    assert info["seed"] >= 0
