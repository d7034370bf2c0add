"""Pictures and masks go into a job as they are: nothing of them is lost, rounded or guessed at."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running import site
from tests.running.site import Site

SIDE = 128

Make = Callable[..., np.ndarray]


def uri(picture: Image.Image, form: str = "PNG") -> str:
    file = io.BytesIO()
    picture.save(file, form)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def noise(width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """A picture that no autoencoder gives back: every pixel by chance."""
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def smooth() -> np.ndarray:
    across, down = np.meshgrid(np.linspace(40, 220, SIDE), np.linspace(40, 220, SIDE))
    return np.dstack([across, down, 255 - across]).astype(np.uint8)


@pytest.fixture(scope="module")
def http(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{site.url}/api/v1", timeout=120) as http:
        yield http


@pytest.fixture
def make(http: httpx.Client) -> Make:
    def make(**fields: Any) -> np.ndarray:
        usual = {"prompt": "red apple, 3d", "steps": 4, "seed": 7, "sampler": "ddim"}
        body = usual | fields
        answer = http.post("/jobs", json=body, headers={"Prefer": "wait=60"})
        assert answer.status_code == 200, answer.text
        job = answer.json()
        assert job["status"] == "succeeded", job["error"]
        png = httpx.get(http.base_url.join(job["outputs"][0]["url"])).content
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    return make


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "image-to-image"},
        {"kind": "variations"},
        {"kind": "image-to-image", "size": (100, 75)},
        {"kind": "inpaint", "fill": "noise"},
        {"kind": "inpaint", "fill": "fill", "inpaint_area": "masked"},
    ],
)
def test_strength_0_is_the_picture_itself_to_the_pixel(make: Make, fields: dict[str, Any]):
    width, height = fields.pop("size", (SIDE, SIDE))
    picture = noise(width, height)
    sent = {"image": uri(Image.fromarray(picture)), "strength": 0.0} | fields
    if fields["kind"] == "inpaint":
        mask = Image.new("L", (width, height))
        mask.paste(255, (40, 40, 90, 90))
        sent["mask"] = uri(mask)
    else:
        sent |= {"width": width, "height": height}
    assert np.array_equal(make(**sent), picture)


def ramp() -> np.ndarray:
    """Black on the left, white on the right."""
    return np.tile(np.linspace(0, 255, SIDE).round().astype(np.uint8), (SIDE, 1))


def inpaint(**fields: Any) -> dict[str, Any]:
    image = uri(Image.fromarray(smooth()))
    return {"kind": "inpaint", "inpaint_area": "whole", "image": image, "mask_blur": 0} | fields


def test_a_result_is_seen_as_much_as_the_mask_is_light(make: Make):
    half = Image.new("L", (SIDE, SIDE), 102)
    white = make(**inpaint(mask=uri(Image.new("L", (SIDE, SIDE), 255)))).astype(int)
    grey = make(**inpaint(mask=uri(half))).astype(int)
    start = smooth().astype(int)
    assert np.abs(white - start).mean() > 20
    assert np.abs(grey - (start + (white - start) * 0.4)).max() <= 2
    cut = make(**inpaint(mask=uri(Image.fromarray(ramp())), mask_grey="cut")).astype(int)
    assert np.array_equal(cut[:, :64], start[:, :64])
    mixed = make(**inpaint(mask=uri(Image.fromarray(ramp())))).astype(int)
    assert np.abs(mixed - start)[:, 40:60].mean() > 3


def test_a_black_and_white_mask_means_the_same_however_its_greys_would_be_read(make: Make):
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (30, 30, 100, 100))
    mixed, cut = (
        make(**inpaint(mask=uri(mask), mask_blur=4, mask_grey=grey)) for grey in ("mix", "cut")
    )
    assert np.abs(mixed.astype(int) - cut).max() <= 3
    # What JPEG leaves in the black of a mask is no paint.
    jpeg = make(**inpaint(mask=uri(mask, "JPEG"), mask_blur=4)).astype(int)
    assert np.array_equal(jpeg[:10], smooth()[:10])


def test_strength_by_grey_changes_more_where_the_mask_is_lighter(make: Make):
    bands = np.repeat(np.array([0, 85, 170, 255], np.uint8), SIDE // 4)
    mask = uri(Image.fromarray(np.tile(bands, (SIDE, 1))))
    asked = inpaint(mask=mask, mask_grey="strength", steps=12)
    # What is drawn where differs from picture to picture, and with it how much a part changes.
    made = [make(**asked, seed=seed).astype(int) for seed in (1, 2, 3)]
    change = np.mean([np.abs(each - smooth()) for each in made], axis=0)
    means = [change[:, 32 * band + 8 : 32 * band + 24].mean() for band in range(4)]
    assert means[0] == 0
    assert means[1] < means[2] < means[3]
    # The grey says the strength: at a third it is what image-to-image makes at a third.
    weak = make(
        kind="image-to-image",
        image=uri(Image.fromarray(smooth())),
        width=SIDE,
        height=SIDE,
        strength=1 / 3,
        steps=12,
    )
    usual = np.abs(weak.astype(int) - smooth())[:, 40:56].mean()
    assert means[1] < 2 * usual + 4


@pytest.mark.parametrize(
    ("mask", "fields", "words"),
    [
        (Image.new("L", (SIDE, SIDE)), {}, "nothing white"),
        (Image.new("L", (SIDE, SIDE), 4), {}, "nothing white"),
        (Image.new("L", (SIDE, SIDE), 100), {"mask_grey": "cut"}, "nothing white"),
        (Image.new("L", (SIDE, SIDE), 255), {"mask_invert": True}, "nothing black"),
        (Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0)), {}, "nothing white"),
    ],
)
def test_a_mask_with_nothing_to_repaint_is_refused_before_it_waits(
    http: httpx.Client, mask: Image.Image, fields: dict[str, Any], words: str
):
    body = inpaint(prompt="a star", mask=uri(mask), **fields)
    answer = http.post("/jobs", json=body)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/mask"
    assert words in error["detail"]


def test_a_photograph_of_12_megapixels_is_painted_over_at_its_own_size(http: httpx.Client):
    across, down = np.meshgrid(np.arange(4000) // 16, np.arange(3000) // 12)
    start = np.dstack([across, down, across ^ down]).astype(np.uint8)
    mask = Image.new("L", (400, 300))
    mask.paste(255, (200, 150, 210, 160))
    sent = {
        "request": (None, json.dumps({"kind": "inpaint", "prompt": "red apple", "steps": 2})),
        "image": png(Image.fromarray(start)),
        "mask": png(mask),
    }
    job = http.post("/jobs", files=sent, headers={"Prefer": "wait=60"}).json()
    assert job["status"] == "succeeded", job
    said, output = job["input"], job["outputs"][0]
    assert (said["inpaint_area"], said["width"], said["mask_padding"]) == ("masked", site.SIDE, 250)
    assert (output["width"], output["height"]) == (4000, 3000)
    made = Image.open(io.BytesIO(httpx.get(http.base_url.join(output["url"])).content))
    assert "Inpaint area: Only masked" in made.info["parameters"]
    assert "Masked area padding: 250" in made.info["parameters"]
    changed = (np.asarray(made) != start).any(axis=2)
    assert changed[1550, 2050]
    changed[1480:1620, 1980:2120] = False
    assert not changed.any()
