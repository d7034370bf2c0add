"""Pictures enlarged for AUTOMATIC1111's real client, by real jobs of a real worker."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from redis import Redis
from webuiapi import WebUIApi

from jobs.lists import listing
from jobs.recipes.provenance import PNG_KEYWORD
from jobs.records.workers import WorkerInfo
from jobs.request.fields.parts import RestoreFaces
from server.pages.renditions import render
from tests.card import make_card
from tests.compat.a1111.client import Quick, connect, in_base64, pixels
from tests.running.hand_worker import HandWorker, png

SINGLE = "/sdapi/v1/extra-single-image"
BATCH = "/sdapi/v1/extra-batch-images"
ESRGAN = make_card(
    name="large",
    default=False,
    upscalers=[{"name": "esrgan-x4"}],
    face_restorers=[{"name": "gfpganv1.4"}],
)


def gradient(width: int, height: int) -> Image.Image:
    """A picture of which an enlarged one is known by the eye, and by its values."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.dstack([across, down, across * 0]).astype(np.uint8))


@pytest.fixture
def api(address: str) -> WebUIApi:
    return connect(address)


@pytest.fixture
def quick(redis: Redis, worker: HandWorker) -> Iterator[Quick]:
    cards = [*worker.info.models, ESRGAN]
    worker.info = WorkerInfo.model_validate(worker.info.model_dump() | {"models": cards})
    worker.advertise()
    with Quick(redis, worker) as quick:
        yield quick


def asked(client: FlaskClient, **body: Any) -> Any:
    return client.post(SINGLE, json={"image": in_base64(gradient(64, 48)), **body})


@pytest.mark.endpoint("POST /sdapi/v1/extra-single-image")
def test_a_picture_is_enlarged_by_a_factor(api: WebUIApi):
    source = gradient(64, 48)
    result = api.extra_single_image(source, upscaler_1="Lanczos", upscaling_resize=2.5)
    assert result.image.size == (160, 120)
    wanted = pixels(source.resize((160, 120), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(pixels(result.image) - wanted).max() <= 3
    assert result.info == ""


@pytest.mark.endpoint("POST /sdapi/v1/extra-single-image")
@pytest.mark.parametrize(("crop", "size"), [(True, (96, 96)), (False, (128, 96))])
def test_a_picture_is_enlarged_to_a_size(api: WebUIApi, crop: bool, size: tuple[int, int]):
    source = gradient(64, 48)
    result = api.extra_single_image(
        source,
        resize_mode=1,
        upscaler_1="Lanczos",
        upscaling_resize_w=96,
        upscaling_resize_h=96,
        upscaling_crop=crop,
    )
    assert result.image.size == size
    # The middle of it was kept, and that a machine made it.
    red = pixels(result.image)[0, :, 0].astype(int)
    left, right = (255 / 8, 255 * 7 / 8) if crop else (0, 255)
    assert abs(red[0] - left) < 8
    assert abs(red[-1] - right) < 8
    assert PNG_KEYWORD in result.image.text


@pytest.mark.endpoint("POST /sdapi/v1/extra-batch-images")
def test_several_pictures_are_enlarged_in_their_order(api: WebUIApi):
    sources = [gradient(32, 24), gradient(24, 32)]
    result = api.extra_batch_images(sources, upscaler_1="Lanczos", upscaling_resize=2)
    assert [picture.size for picture in result.images] == [(64, 48), (48, 64)]


@pytest.mark.endpoint("POST /sdapi/v1/extra-single-image")
def test_no_upscaler_gives_the_picture_back(api: WebUIApi):
    source = gradient(32, 24)
    result = api.extra_single_image(source, upscaling_resize=4)
    assert np.array_equal(pixels(result.image), pixels(source))


def test_it_is_a_job_that_draws_nothing(client: FlaskClient, quick: Quick):
    answer = asked(client, upscaler_1="lanczos")
    assert answer.status_code == 200, answer.text
    (record,) = quick.seen
    request = record.request
    assert (request.kind, request.upscaler, request.scale) == ("upscale", "lanczos", 2.0)
    assert (request.strength, request.model) == (0.0, "small")


def test_an_upscaler_is_found_with_the_model_that_has_it(client: FlaskClient, quick: Quick):
    assert asked(client, upscaler_1="ESRGAN-x4", upscaling_resize=4).status_code == 200
    request = quick.seen[0].request
    assert (request.upscaler, request.scale, request.model) == ("esrgan-x4", 4.0, "large")


def test_a_photograph_may_be_sent_as_it_is(client: FlaskClient, quick: Quick):
    photograph = render(png(64, 48), "jpeg", None)
    image = f"data:image/jpeg;base64,{base64.b64encode(photograph).decode()}"
    assert asked(client, image=image, upscaler_1="Lanczos").status_code == 200
    assert (quick.seen[0].request.width, quick.seen[0].request.height) == (128, 96)


def test_faces_are_restored_as_far_as_they_are_to_be_seen(client: FlaskClient, quick: Quick):
    model = {"models": [ESRGAN.model_copy(update={"default": True})]}
    quick.worker.info = WorkerInfo.model_validate(quick.worker.info.model_dump() | model)
    quick.worker.advertise()
    answer = asked(client, gfpgan_visibility=0.75, codeformer_visibility=0.5)
    assert answer.status_code == 200, answer.text
    assert "codeformer_visibility: there is no CodeFormer here" in answer.json["html_info"]
    request = quick.seen[0].request
    assert (request.kind, request.scale, request.strength) == ("upscale", 1.0, 0.0)
    assert request.restore_faces == RestoreFaces(model="gfpganv1.4", strength=0.75)


def test_null_is_as_good_as_left_out(client: FlaskClient, quick: Quick):
    fields = ("resize_mode", "upscaling_resize", "upscaling_resize_w", "upscaling_crop")
    blank: dict[str, Any] = dict.fromkeys([*fields, "upscaler_2", "gfpgan_visibility"])
    answer = asked(client, **blank, upscaler_1="Lanczos")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"upscaler_1": "Sharpest"}, "upscaler_1: no upscaler is named 'Sharpest'; there"),
        ({"upscaler_1": "Lanczos", "upscaling_resize": 0.5}, "upscaling_resize: must be at least"),
        ({"upscaler_1": "Lanczos", "upscaling_resize": 9}, "upscaling_resize: must be at most 8"),
        ({"upscaler_1": "Lanczos", "upscaling_resize": "x"}, "upscaling_resize: "),
        ({"upscaler_1": "Lanczos", "resize_mode": 2}, "resize_mode: must be 0"),
        (
            {"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 99999},
            "upscaling_resize_w: must be from 1 to",
        ),
        (
            {
                "upscaler_1": "Lanczos",
                "resize_mode": 1,
                "upscaling_resize_w": 32,
                "upscaling_resize_h": 24,
            },
            "upscaling_resize_w: pictures are not made smaller here: 32x24 is less than",
        ),
        (
            {
                "upscaler_1": "Lanczos",
                "resize_mode": 1,
                "upscaling_resize_w": 64,
                "upscaling_resize_h": 4096,
            },
            "upscaling_resize_h: ",
        ),
        (
            {"upscaler_2": "Lanczos", "extras_upscaler_2_visibility": 0.5},
            "extras_upscaler_2_visibility: must be 0",
        ),
        ({"image": "AAAA"}, "image: must be a PNG"),
        ({"image": None}, "image: must be a string"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    client: FlaskClient, worker: HandWorker, body: dict[str, Any], words: str
):
    answer = asked(client, **body)
    assert answer.status_code == 422
    assert words in answer.json["detail"]
    assert listing.list_jobs(worker.redis, None, limit=5, before=None, status=None) == ([], None)


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([], "imageList: must be 1 to"),
        ([{"name": "a"}], "imageList/0/data: must be a picture in base64"),
        ([{"data": None}], "imageList/0/data: must be a string"),
        (None, "imageList: must be an array"),
        ("many", "imageList: must be 1 to"),
        ("second", "imageList/1/data: must be a PNG"),
    ],
)
def test_a_batch_says_which_of_its_pictures_is_wrong(
    client: FlaskClient, worker: HandWorker, pictures: Any, words: str
):
    good = {"data": in_base64(gradient(8, 8)), "name": "good"}
    if pictures == "many":
        pictures = [good] * 1000
    if pictures == "second":
        pictures = [good, {"data": "AAAA"}]
    answer = client.post(BATCH, json={"imageList": pictures, "upscaler_1": "Lanczos"})
    assert answer.status_code == 422
    assert words in answer.json["detail"]


def test_a_job_that_fails_says_why(client: FlaskClient, redis: Redis, worker: HandWorker):
    class Failing(HandWorker):
        def run(self, job_id: str) -> list[str]:
            self.begin(job_id)
            self.fail(job_id, "out-of-memory", "the picture is too large for the GPU")
            return []

    with Quick(redis, Failing(redis, worker.store)):
        answer = asked(client, upscaler_1="Lanczos")
    assert answer.status_code == 500
    assert answer.json["detail"] == "the picture is too large for the GPU"


def test_an_answer_is_a_png_in_bare_base64(client: FlaskClient, quick: Quick):
    answer = asked(client, upscaler_1="Lanczos").json
    assert answer["html_info"] == ""
    with Image.open(io.BytesIO(base64.b64decode(answer["image"], validate=True))) as picture:
        assert picture.format == "PNG"
