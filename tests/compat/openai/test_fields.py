"""What OpenAI's client may send, what the job becomes of it, and how it is told what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openai import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
)

from jobs import devices
from tests.card import make_card
from tests.compat.a1111.client import Quick
from tests.compat.openai.client import connect, in_png, mask, opened, photograph
from tests.running.api import Server
from tests.running.hand_worker import HandWorker

SLASHED = "stabilityai/sd-turbo"

Call = Callable[[OpenAI], Any]

generations = pytest.mark.endpoint("POST /v1/images/generations")
edits = pytest.mark.endpoint("POST /v1/images/edits")

PHOTO = in_png(photograph())


@pytest.fixture
def openai(server: Server) -> Iterator[OpenAI]:
    with connect(server.url) as client:
        yield client


@pytest.fixture
def quick(worker: HandWorker) -> Iterator[Quick]:
    turbo = make_card(name=SLASHED, default=False, kinds=["text-to-image"], steps=1)
    worker.info.models = [*worker.info.models, turbo]
    worker.advertise()
    with Quick(worker.redis, worker) as quick:
        yield quick


@generations
@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ({}, "small"),
        ({"model": "small"}, "small"),
        ({"model": SLASHED}, SLASHED),
        ({"model": "dall-e-3"}, "small"),
        ({"model": "gpt-image-1-mini"}, "small"),
        ({"model": "chatgpt-image-latest"}, "small"),
        ({"model": ""}, "small"),
    ],
)
def test_a_name_of_ours_picks_the_model_and_openais_mean_the_default(
    openai: OpenAI, quick: Quick, asked: dict[str, str], model: str
):
    openai.images.generate(prompt="a star", **asked)
    assert quick.seen[-1].request.model == model


@generations
@pytest.mark.parametrize(
    ("asked", "as_url"),
    [
        ({}, False),
        ({"model": "gpt-image-1"}, False),
        ({"model": "dall-e-2"}, True),
        ({"model": "dall-e-3", "response_format": "b64_json"}, False),
        ({"response_format": "url"}, True),
    ],
)
def test_pictures_come_as_urls_where_openai_sends_urls(
    openai: OpenAI, quick: Quick, asked: dict[str, str], as_url: bool
):
    (image,) = openai.images.generate(prompt="a star", **asked).data
    assert (image.url is not None, image.b64_json is not None) == (as_url, not as_url)
    assert opened(httpx.get(image.url).content if as_url else image.b64_json).size == (64, 48)


@generations
def test_every_field_of_ours_gets_into_the_job(openai: OpenAI, quick: Quick):
    ours = {
        "negative_prompt": "blue",
        "seed": 5,
        "steps": 9,
        "guidance_scale": 3.5,
        "sampler": "DDIM",
    }
    openai.images.generate(prompt="a star", n=3, size="128x64", extra_body=ours)
    request = quick.seen[-1].request
    assert {name: getattr(request, name) for name in ours} == ours | {"sampler": "ddim"}
    assert (request.count, request.width, request.height) == (3, 128, 64)
    ours["strength"] = 0.4
    openai.images.edit(prompt="a star", image=PHOTO, n=2, size="128x64", extra_body=ours)
    request = quick.seen[-1].request
    assert {name: getattr(request, name) for name in ours} == ours | {"sampler": "ddim"}
    assert (request.kind, request.count, request.width) == ("image-to-image", 2, 128)


@generations
@edits
def test_what_does_not_apply_here_is_taken_and_changes_nothing(openai: OpenAI, quick: Quick):
    openai.images.generate(
        prompt="a star",
        quality="hd",
        style="vivid",
        moderation="low",
        user="anna",
        background="opaque",
        extra_body={"complexity": "high", "frame_count": 3, "svg": {"a": 1}, "steps": None},
    )
    openai.images.edit(
        prompt="a star",
        image=PHOTO,
        input_fidelity="high",
        quality="medium",
        background="auto",
        user="anna",
        extra_body={"svg": {"a": 1}, "safety_identifier": "x"},
    )
    first, second = (record.request for record in quick.seen)
    assert (first.steps, second.steps) == (20, 20)
    assert (first.kind, second.kind) == ("text-to-image", "image-to-image")


@pytest.mark.endpoint("GET /v1/models", "GET /v1/models/{id}")
def test_a_model_is_found_by_a_name_with_a_slash(openai: OpenAI, quick: Quick):
    assert [model.id for model in openai.models.list()] == ["small", SLASHED]
    assert openai.models.retrieve(SLASHED).id == SLASHED
    with pytest.raises(NotFoundError) as error:
        openai.models.retrieve("no/such")
    assert error.value.code == "model_not_found"


REFUSED: dict[str, tuple[Call, str, str, str]] = {
    "no prompt": (
        lambda c: c.images.generate(prompt=" "),
        "prompt",
        "missing_required_parameter",
        "is required",
    ),
    "long prompt": (
        lambda c: c.images.generate(prompt="x" * 10_001),
        "prompt",
        "invalid_value",
        "at most 10000 characters",
    ),
    "too many": (
        lambda c: c.images.generate(prompt="x", n=11),
        "n",
        "invalid_value",
        "must be at most 10; it is 11",
    ),
    "none": (
        lambda c: c.images.generate(prompt="x", n=0),
        "n",
        "invalid_value",
        "must be at least 1",
    ),
    "size of words": (
        lambda c: c.images.generate(prompt="x", size="large"),
        "size",
        "invalid_value",
        'must be "auto" or such as "512x768"',
    ),
    "odd size": (
        lambda c: c.images.generate(prompt="x", size="100x64"),
        "size",
        "invalid_value",
        "width must be a multiple of 8",
    ),
    "huge size": (
        lambda c: c.images.generate(prompt="x", size="4096x64"),
        "size",
        "invalid_value",
        "must be at most 2048",
    ),
    "gif": (
        lambda c: c.images.generate(prompt="x", output_format="gif"),
        "output_format",
        "invalid_value",
        "there are png, webp and jpeg",
    ),
    "compression": (
        lambda c: c.images.generate(prompt="x", output_compression=101),
        "output_compression",
        "invalid_value",
        "must be at most 100",
    ),
    "partial images": (
        lambda c: c.images.generate(prompt="x", stream=True, partial_images=4),
        "partial_images",
        "invalid_value",
        "must be at most 3",
    ),
    "sampler": (
        lambda c: c.images.generate(prompt="x", extra_body={"sampler": "nonsense"}),
        "sampler",
        "invalid_value",
        "no sampler is named",
    ),
    "steps": (
        lambda c: c.images.generate(prompt="x", extra_body={"steps": 1000}),
        "steps",
        "invalid_value",
        "must be at most 150",
    ),
    "strength without a picture": (
        lambda c: c.images.generate(prompt="x", extra_body={"strength": 0.5}),
        "strength",
        "invalid_value",
        "image-to-image does",
    ),
    "no picture at all": (
        lambda c: c.images.edit(prompt="x", image=[]),
        "image",
        "missing_required_parameter",
        "is required",
    ),
    "no picture in the file": (
        lambda c: c.images.edit(prompt="x", image=b"GIF89a, or so it says"),
        "image",
        "invalid_value",
        "must be a PNG, JPEG, WebP",
    ),
    "opaque mask": (
        lambda c: c.images.edit(prompt="x", image=PHOTO, mask=PHOTO),
        "mask",
        "invalid_value",
        "must be transparent where to repaint",
    ),
    "no mask in the file": (
        lambda c: c.images.edit(prompt="x", image=PHOTO, mask=b"nothing"),
        "mask",
        "invalid_value",
        "must be a PNG",
    ),
    "words in numbers": (
        lambda c: c.images.edit(prompt="x", image=PHOTO, extra_body={"seed": "many"}),
        "seed",
        "invalid_value",
        "must be a whole number",
    ),
    "what the model cannot do": (
        lambda c: c.images.edit(prompt="x", image=PHOTO, mask=mask(0, 0, 9, 9), model=SLASHED),
        "model",
        "invalid_value",
        f"the model {SLASHED} does text-to-image",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_names_the_field_and_the_limit(openai: OpenAI, quick: Quick, name: str):
    call, param, code, words = REFUSED[name]
    with pytest.raises(BadRequestError) as error:
        call(openai)
    refused = error.value
    assert (refused.param, refused.code, refused.type) == (param, code, "invalid_request_error")
    assert words in refused.body["message"]
    assert refused.request_id.startswith("req_")
    assert not quick.seen


def test_a_model_that_is_not_here_is_not_found(openai: OpenAI, quick: Quick):
    with pytest.raises(NotFoundError, match="there are: small") as error:
        openai.images.generate(prompt="x", model="midjourney")
    assert (error.value.param, error.value.code) == ("model", "model_not_found")


def test_a_token_that_is_not_valid_is_told_so(server: Server, quick: Quick):
    with (
        connect(server.url, key=f"{devices.PREFIX}gone") as client,
        pytest.raises(AuthenticationError) as error,
    ):
        client.images.generate(prompt="x")
    assert (error.value.code, error.value.type) == ("invalid_api_key", "authentication_error")
    assert error.value.request_id


def test_a_token_says_whose_the_job_is(server: Server, quick: Quick):
    device, token = devices.create(quick.redis, "phone")
    with connect(server.url, key=token) as client:
        client.images.generate(prompt="x")
    assert quick.seen[-1].owner == device.owner


def test_a_page_of_another_site_is_refused_in_the_envelope(server: Server, quick: Quick):
    with (
        connect(server.url, default_headers={"Origin": "https://evil.example"}) as client,
        pytest.raises(PermissionDeniedError, match="may not call this server"),
    ):
        client.models.list()


@pytest.mark.parametrize(
    ("path", "status", "sent"),
    [
        ("images/generations", 400, {"content": b"{"}),
        ("images/generations", 400, {"content": b"[1]"}),
        ("images/generations", 400, {"content": b'{"prompt": {"a": 1}}'}),
        ("images/edits", 415, {"json": {"prompt": "x"}}),
        ("images/edits", 400, {"files": {"picture": b"x"}}),
        (
            "images/edits",
            400,
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        ),
        ("images/generations", 413, {"content": b"x" * (34 * 1024 * 1024)}),
        ("images/nothing", 404, {"json": {}}),
        ("models", 405, {"json": {}}),
    ],
)
def test_a_broken_request_is_answered_in_the_envelope(
    server: Server, quick: Quick, path: str, status: int, sent: dict[str, Any]
):
    answer = httpx.post(f"{server.url}/v1/{path}", **sent)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["message"]
    assert "Traceback" not in answer.text
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


def test_the_client_shows_a_status_that_it_has_no_name_for(openai: OpenAI, quick: Quick):
    with pytest.raises(APIStatusError) as error:
        openai.post("/images/edits", cast_to=object, body={"prompt": "x"})
    assert error.value.status_code == 415
    assert "multipart/form-data" in error.value.message


def test_what_openai_does_and_this_server_cannot_is_made_as_near_as_it_can_be(
    openai: OpenAI, quick: Quick
):
    made = openai.images.generate(prompt="x", background="transparent")
    assert made.background == "opaque"
    assert made.notes == ["background: pictures have a background here; it was made opaque"]
    two = openai.images.edit(prompt="x", image=[PHOTO, PHOTO])
    [note] = two.notes
    assert "the first of the 2" in note


@generations
@edits
def test_a_field_that_nobody_knows_is_named(openai: OpenAI, quick: Quick):
    ours = {"loras": [{"name": "ink"}], "user": "anna"}
    made = openai.images.generate(prompt="a star", extra_body=ours)
    edited = openai.images.edit(prompt="a star", image=PHOTO, extra_body={"lora": "ink"})
    passed_over = "is not read here; the picture was made without it"
    assert made.model_dump()["notes"] == [f"loras: {passed_over}"]
    assert edited.model_dump()["notes"] == [f"lora: {passed_over}"]
