"""Pictures by name: sent, looked at, transparent where a mask says so."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from jobs import devices
from jobs.pictures.image_store import input_id
from jobs.queue.queue import new_job_id
from server.compat.comfyui import inputs
from tests.compat.comfyui.client import Comfy, in_png, opened
from tests.compat.comfyui.graphs import image_to_image, text_to_image
from tests.running.hand_worker import HandWorker

RED = Image.new("RGB", (40, 30), "red")
BLUE = Image.new("RGB", (40, 30), "blue")


@pytest.fixture
def other(comfy: Comfy, hand: HandWorker) -> Iterator[httpx.Client]:
    """Somebody else's device."""
    token = devices.create(hand.redis, "phone")[1]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=comfy.url, headers=headers, timeout=60) as client:
        yield client


def view(comfy: Comfy, **query: str) -> httpx.Response:
    return comfy.http.get("/view", params=query)


@pytest.mark.endpoint("POST /upload/image", "GET /view")
def test_what_was_sent_comes_back(comfy: Comfy) -> None:
    sent = comfy.upload(RED, "sent.png", subfolder="in", type="input")
    assert sent == {"name": "sent.png", "subfolder": "in", "type": "input"}
    answer = view(comfy, filename="sent.png", subfolder="in", type="input")
    assert answer.headers["Content-Type"] == "image/png"
    assert opened(answer.content).tobytes() == RED.tobytes()


@pytest.mark.endpoint("POST /upload/image")
def test_another_picture_of_the_same_name_gets_another_name(comfy: Comfy) -> None:
    assert comfy.upload(RED, "same.png")["name"] == "same.png"
    assert comfy.upload(RED, "same.png")["name"] == "same.png"
    assert comfy.upload(BLUE, "same.png")["name"] == "same (1).png"
    assert comfy.upload(BLUE, "same.png", overwrite="true")["name"] == "same.png"
    answer = view(comfy, filename="same.png [input]")
    assert opened(answer.content).getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.endpoint("GET /view")
@pytest.mark.parametrize(
    ("query", "format", "mode"),
    [
        ({}, "PNG", "RGBA"),
        ({"channel": "rgb"}, "PNG", "RGB"),
        ({"channel": "a"}, "PNG", "RGBA"),
        ({"preview": "webp;90"}, "WEBP", "RGBA"),
        ({"preview": "jpeg;50"}, "JPEG", "RGB"),
        ({"preview": "webp", "channel": "rgb"}, "WEBP", "RGB"),
    ],
)
def test_a_picture_in_parts_and_other_formats(
    comfy: Comfy, query: dict[str, str], format: str, mode: str
) -> None:
    half = Image.new("RGBA", (40, 30), (255, 0, 0, 255))
    half.putpixel((0, 0), (0, 255, 0, 0))
    comfy.upload(half, "half.png")
    answer = view(comfy, filename="half.png", type="input", **query)
    picture = opened(answer.content)
    assert (picture.format, picture.mode) == (format, mode)
    assert answer.headers["Content-Type"] == f"image/{format.lower()}"
    if query == {"channel": "rgb"}:
        assert picture.getpixel((0, 0)) == (0, 255, 0)
    if query == {"channel": "a"}:
        assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0, 0), (0, 0, 0, 255)]


@pytest.mark.endpoint("POST /upload/mask")
def test_a_mask_makes_its_picture_transparent(comfy: Comfy) -> None:
    name = comfy.upload(BLUE, "original.png")["name"]
    mask = Image.new("RGBA", BLUE.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 20, 30))
    reference = json.dumps({"filename": name, "subfolder": "", "type": "input"})
    files = {"image": ("clipspace-mask.png", in_png(mask))}
    form = {"original_ref": reference, "subfolder": "clipspace", "type": "input"}
    said = comfy.http.post("/upload/mask", files=files, data=form).json()
    assert said == {"name": "clipspace-mask.png", "subfolder": "clipspace", "type": "input"}
    made = opened(view(comfy, filename=said["name"], subfolder="clipspace", type="input").content)
    assert [made.getpixel((x, 0)) for x in (0, 39)] == [(0, 0, 255, 0), (0, 0, 255, 255)]


@pytest.mark.endpoint("POST /upload/mask")
@pytest.mark.parametrize(
    ("reference", "status", "said"),
    [
        ("", 400, "original_ref"),
        ("[]", 400, "original_ref"),
        (json.dumps({"filename": "nothing.png"}), 404, "nothing.png"),
        (json.dumps({"filename": "../../etc/passwd"}), 400, "filename"),
        (json.dumps({"filename": "small.png", "type": "input"}), 400, "40x30 and not 8x8"),
    ],
)
def test_a_mask_that_is_for_nothing(comfy: Comfy, reference: str, status: int, said: str) -> None:
    comfy.upload(Image.new("RGB", (8, 8)), "small.png")
    files = {"image": ("mask.png", in_png(RED))}
    answer = comfy.http.post("/upload/mask", files=files, data={"original_ref": reference})
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


@pytest.mark.endpoint("POST /upload/image")
@pytest.mark.parametrize(
    ("files", "form", "said"),
    [
        ({}, {}, "send the picture as a file"),
        ({"image": ("a.png", b"no picture")}, {}, "must be a PNG"),
        ({"image": ("../a.png", in_png(RED))}, {}, "filename"),
        ({"image": ("a.png", in_png(RED))}, {"subfolder": "../.."}, "filename"),
        ({"image": ("a.png", in_png(RED))}, {"type": "output"}, "type"),
        ({"image": ("x" * 300, in_png(RED))}, {}, "200 printable"),
    ],
)
def test_what_is_no_picture_is_refused(
    comfy: Comfy, files: dict[str, Any], form: dict[str, str], said: str
) -> None:
    answer = comfy.http.post("/upload/image", files=files, data=form)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


@pytest.mark.endpoint("GET /view", "GET /history", "GET /history/{id}", "GET /queue")
def test_nobody_else_sees_any_of_it(comfy: Comfy, other: httpx.Client) -> None:
    comfy.upload(RED, "mine.png")
    said, _ = comfy.made(text_to_image())
    prompt_id = said["prompt_id"]
    (image,) = comfy.ended(prompt_id)["outputs"]["9"]["images"]
    assert view(comfy, **image).status_code == 200
    assert other.get("/view", params=image).status_code == 404
    mine = {"filename": "mine.png", "type": "input"}
    assert other.get("/view", params=mine).status_code == 404
    assert other.get(f"/history/{prompt_id}").json() == {}
    assert other.get("/history").json() == {}
    for graph in (image_to_image("mine.png"), image_to_image(f"{image['filename']} [output]")):
        answer = other.post("/prompt", json={"prompt": graph})
        assert answer.status_code == 400
        assert "LoadImage (node 10)" in answer.json()["error"]["message"]


def test_what_has_expired_is_gone_from_the_store(comfy: Comfy, hand: HandWorker) -> None:
    comfy.upload(RED, "old.png")
    store, redis = hand.store, hand.redis
    mine = inputs.Inputs(redis, store, "local")
    found = mine.find("old.png")
    assert found
    redis.zadd(inputs.EXPIRING, {f"local\nold.png\n{found.image}": 1})
    comfy.upload(BLUE, "new.png")
    assert mine.find("old.png") is None
    with pytest.raises(FileNotFoundError):
        store.read(found.image)
    assert view(comfy, filename="old.png", type="input").status_code == 404
    assert input_id(new_job_id(), 0) > found.image


def test_an_owner_has_so_many(
    comfy: Comfy, monkeypatch: pytest.MonkeyPatch, hand: HandWorker
) -> None:
    monkeypatch.setattr(inputs, "MOST", 2)
    mine = inputs.Inputs(hand.redis, hand.store, "somebody")
    file = io.BytesIO()
    for index in range(4):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (index, 0, 0)).save(file, "PNG")
        mine.keep(f"{index}.png", file.getvalue(), overwrite=False)
    assert mine.names() == ["2.png", "3.png"]


@pytest.mark.slow
def test_many_looks_at_huge_pictures_are_asked_to_come_back(comfy: Comfy) -> None:
    comfy.upload(Image.new("RGB", (7000, 7000), "red"), "huge.png")

    def look(number: int) -> httpx.Response:
        asked = {"filename": "huge.png", "type": "input"}
        how = {"preview": f"webp;{number}"} if number % 2 else {"channel": "a"}
        return httpx.get(f"{comfy.url}/view", params=asked | how, timeout=300)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(look, range(20)))
    assert {each.status_code for each in answers} == {200, 503}
    refused = next(each for each in answers if each.status_code == 503)
    assert refused.headers["Retry-After"]
    assert "worked on just now" in refused.json()["error"]["message"]
