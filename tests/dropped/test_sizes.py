"""A model that draws well at some sizes only: the one that ships, asked for others."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.dropped.dropping.room import Room, difference, pixels, room_in
from tests.dropped.test_checkpoints import sent
from tests.running.paths import REPOSITORY

ASKED = {"prompt": "red apple, 3d", "seed": 7, "steps": 3}
NOTE = "emoji draws at 128x128; this picture was brought to {}."


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    data: Path = tmp_path_factory.mktemp("sizes")
    (data / "models.toml").symlink_to(REPOSITORY / "models.toml")
    with room_in(data) as room:
        yield room


def enlarged(picture: np.ndarray, *size: int) -> np.ndarray:
    image = Image.fromarray(picture.astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(int)


def scene(width: int, height: int) -> Image.Image:
    coarse = np.random.default_rng(3).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def test_a_picture_is_drawn_at_the_models_size_and_brought_to_the_one_asked_for(room: Room):
    own = room.picture(**ASKED)
    job = room.job(**ASKED, width=512, height=512)
    assert job["outputs"][0]["note"] == NOTE.format("512x512")
    png = room.client.get(job["outputs"][0]["url"]).content
    assert difference(pixels(png), enlarged(own, 512, 512)) <= 1
    text = Image.open(io.BytesIO(png)).text["parameters"]
    assert "Size: 512x512" in text
    assert f"Drawn at: 128x128, Note: {NOTE.format('512x512')}" in text
    assert room.job(**ASKED)["outputs"][0]["note"] is None
    # What the job says was asked for makes the same picture again.
    again = room.picture(
        **{k: v for k, v in job["input"].items() if k in (*ASKED, "width", "height", "drawn")}
    )
    assert np.array_equal(again, pixels(png))


def test_in_another_shape_nothing_that_was_drawn_is_cut_away(room: Room):
    own = room.picture(**ASKED)
    wide = room.picture(**ASKED, width=512, height=256)
    assert difference(wide[:, 128:384], enlarged(own, 256, 256)) <= 1
    assert np.array_equal(wide[:, 0], wide[:, 128])
    # A little on two sides is less than an edge that is drawn out would disturb.
    close = room.picture(**ASKED, width=272, height=256)
    assert close.shape == (256, 272, 3)
    assert difference(close, enlarged(own[4:124], 272, 256)) <= 3


def test_image_to_image_keeps_the_shape_of_its_picture(room: Room):
    """As if it had been sent in the middle of a square, with its edges drawn out."""
    start, asked = scene(384, 192), {**ASKED, "kind": "image-to-image", "strength": 0.5}
    job = room.job(**asked, image=sent(start), width=384, height=192)
    assert job["outputs"][0]["note"] == NOTE.format("384x192")
    made = pixels(room.client.get(job["outputs"][0]["url"]).content)
    small = np.asarray(start.resize((128, 64), Image.Resampling.LANCZOS))
    square = Image.fromarray(np.pad(small, [(32, 32), (0, 0), (0, 0)], mode="edge"))
    own = room.picture(**asked, image=sent(square))
    assert difference(made, enlarged(own[32:96], 384, 192)) <= 1


def test_what_is_repainted_is_drawn_at_the_models_size_and_the_rest_stays(room: Room):
    start = scene(300, 200)
    mask = np.zeros((200, 300), np.uint8)
    mask[60:140, 100:200] = 255
    for area in ("whole", "masked"):
        job = room.job(
            **ASKED,
            kind="inpaint",
            image=sent(start),
            mask=sent(Image.fromarray(mask)),
            inpaint_area=area,
        )
        assert job["input"]["drawn"] == (
            None if area == "masked" else {"width": 128, "height": 128, "upscaler": "lanczos"}
        )
        made = pixels(room.client.get(job["outputs"][0]["url"]).content)
        before = np.asarray(start).astype(int)
        assert np.array_equal(made[:40], before[:40])
        assert abs(made[80:120, 120:180] - before[80:120, 120:180]).mean() > 5


def test_a_second_pass_only_enlarges(room: Room):
    own = room.picture(**ASKED)
    job = room.job(**ASKED, hires={"scale": 2.0, "strength": 0.6})
    assert job["outputs"][0]["note"] == (
        "Enlarged only, not painted again: emoji draws well at 128x128 alone."
    )
    made = pixels(room.client.get(job["outputs"][0]["url"]).content)
    assert difference(made, enlarged(own, 256, 256)) <= 1
    both = room.picture(**ASKED, width=256, height=256, hires={"scale": 2.0})
    assert difference(both, enlarged(own, 512, 512)) <= 1
    start = {"kind": "image-to-image", "image": sent(scene(128, 128)), "strength": 0.5}
    small = room.picture(**ASKED, **start)
    large = room.picture(**ASKED, **start, hires={"scale": 2.0})
    assert difference(large, enlarged(small, 256, 256)) <= 1


def test_a_picture_that_is_enlarged_is_not_painted_over(room: Room):
    start = {"kind": "upscale", "image": sent(scene(100, 60)), "scale": 2}
    told = room.job(**ASKED, **start, strength=0.4)
    assert "not painted again" in told["outputs"][0]["note"]
    job = room.job(**ASKED, **start)
    # Nobody asked for painting, so there is nothing to say.
    assert (job["outputs"][0]["note"], job["notes"]) == (None, [])
    made = pixels(room.client.get(job["outputs"][0]["url"]).content)
    assert difference(made, enlarged(np.asarray(scene(100, 60)), 200, 120)) <= 1


def test_clients_of_other_apis_get_the_size_that_they_ask_for_by_default(room: Room):
    own = room.picture(**ASKED)
    sent_ = {"prompt": ASKED["prompt"], "seed": 7, "steps": 3}
    made = room.client.post("/sdapi/v1/txt2img", json=sent_ | {"width": 512, "height": 512}).json()
    picture = pixels(base64.b64decode(made["images"][0]))
    assert difference(picture, enlarged(own, 512, 512)) <= 1
    assert "emoji draws at 128x128" in made["info"]
    asked = {"prompt": "red apple, 3d", "size": "1024x1024", "response_format": "b64_json"}
    answer = room.client.post("/v1/images/generations", json=asked).raise_for_status().json()
    data = base64.b64decode(answer["data"][0]["b64_json"])
    assert Image.open(io.BytesIO(data)).size == (1024, 1024)
    assert "Drawn at: 128x128" in Image.open(io.BytesIO(data)).text["parameters"]
