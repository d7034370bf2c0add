"""OpenAI's client, unchanged, on a real server and a real worker with the model that ships."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from tests.compat.openai.client import (
    QUICK,
    SIDE,
    connect,
    in_png,
    mask,
    opened,
    photograph,
    pictures,
    pixels,
    same,
    shows_something,
)
from tests.running.paths import API

PROMPT = "red apple, 3d"

generations = pytest.mark.endpoint("POST /v1/images/generations")
edits = pytest.mark.endpoint("POST /v1/images/edits")
variations = pytest.mark.endpoint("POST /v1/images/variations")
models = pytest.mark.endpoint("GET /v1/models", "GET /v1/models/{id}")


@pytest.fixture
def openai(address: str) -> Iterator[OpenAI]:
    with connect(address) as client:
        yield client


@generations
def test_a_picture_comes_in_base64_and_its_job_is_among_the_jobs(openai: OpenAI, address: str):
    made = openai.images.generate(prompt=PROMPT, extra_body=QUICK)
    (picture,) = pictures(made)
    assert (picture.format, picture.size) == ("PNG", (SIDE, SIDE))
    assert shows_something(picture)
    assert "red apple" in picture.info["parameters"]
    # A size that OpenAI has not would be one too many for strict clients.
    assert (made.size, made.output_format, made.background) == (None, "png", "opaque")
    assert made.usage.input_tokens == made.usage.input_tokens_details.text_tokens > 3
    assert made.usage.total_tokens == made.usage.input_tokens
    newest = httpx.get(f"{address}{API}/jobs?limit=1").json()["jobs"][0]
    assert (newest["status"], newest["input"]["prompt"]) == ("succeeded", PROMPT)
    assert (newest["input"]["seed"], newest["input"]["steps"]) == (7, 3)


@generations
def test_a_url_opens_without_a_token_and_from_outside(openai: OpenAI):
    made = openai.images.generate(
        prompt=PROMPT, response_format="url", output_format="webp", extra_body=QUICK
    )
    url = made.data[0].url
    assert url.startswith(str(openai.base_url).removesuffix("v1/"))
    answer = httpx.get(url)
    assert answer.headers["Content-Type"] == "image/webp"
    assert shows_something(opened(answer.content))


@generations
def test_the_same_seed_is_the_same_picture_and_each_of_n_has_its_own(openai: OpenAI):
    one = openai.images.generate(prompt=PROMPT, n=2, extra_body=QUICK)
    again = openai.images.generate(prompt=PROMPT, extra_body=QUICK | {"seed": one.data[1].seed})
    first, second = pictures(one)
    assert not same(first, second)
    assert same(second, pictures(again)[0])


@generations
@pytest.mark.slow
def test_our_own_fields_change_the_picture(openai: OpenAI):
    def picture(**fields: object) -> Image.Image:
        made = openai.images.generate(prompt=PROMPT, extra_body=QUICK | fields)
        return pictures(made)[0]

    plain = picture()
    changes = [
        {"negative_prompt": "red"},
        {"guidance_scale": 9},
        {"sampler": "Euler a"},
        {"steps": 5},
    ]
    for change in changes:
        assert not same(picture(**change), plain), change


@generations
def test_what_a_prompt_was_read_as_is_told_and_can_be_turned_off(openai: OpenAI):
    def revised(prompt: str, **fields: object) -> str | None:
        made = openai.images.generate(prompt=prompt, extra_body=QUICK | fields)
        return made.data[0].revised_prompt

    assert revised("hai con mèo") == "two cats"
    assert revised("hai con mèo", as_written=True) is None
    assert revised("red apple") is None


@generations
@pytest.mark.parametrize("size", ["64x96", "auto"])
def test_the_size_is_what_was_asked_for(openai: OpenAI, size: str):
    made = openai.images.generate(prompt=PROMPT, size=size, extra_body=QUICK)
    expected = (SIDE, SIDE) if size == "auto" else (64, 96)
    assert pictures(made)[0].size == expected


@generations
def test_webp_and_jpeg_keep_the_recipe_and_compression_makes_them_small(openai: OpenAI):
    for kind in ("webp", "jpeg"):
        sizes = []
        for compression in (100, 20):
            made = openai.images.generate(
                prompt=PROMPT,
                output_format=kind,
                output_compression=compression,
                extra_body=QUICK,
            )
            picture = pictures(made)[0]
            assert picture.format == kind.upper()
            assert made.output_format == kind
            assert shows_something(picture)
            comment = picture.getexif().get_ifd(0x8769)[0x9286]
            assert "red apple" in comment[8:].decode("utf-16-be")
            sizes.append(len(made.data[0].b64_json))
        assert sizes[1] < sizes[0] / 2


@generations
def test_a_stream_shows_previews_and_then_the_picture(openai: OpenAI):
    asked = {"prompt": PROMPT, "extra_body": QUICK | {"steps": 40}}
    with openai.images.generate(**asked, stream=True, partial_images=2) as stream:
        *partial, last = list(stream)
    assert 1 <= len(partial) <= 2
    for index, event in enumerate(partial):
        assert (event.type, event.partial_image_index) == ("image_generation.partial_image", index)
        assert (event.size, event.output_format) == ("auto", "png")
        shown = opened(event.b64_json)
        assert (shown.format, shown.size) == ("PNG", (SIDE, SIDE))
    assert last.type == "image_generation.completed"
    assert last.usage.input_tokens > 3
    assert (last.quality, last.background) == ("auto", "opaque")
    plain = openai.images.generate(**asked)
    assert same(opened(last.b64_json), pictures(plain)[0])


@generations
def test_a_stream_without_partial_images_has_one_event_a_picture(openai: OpenAI):
    with openai.images.generate(
        prompt=PROMPT, n=2, stream=True, partial_images=0, extra_body=QUICK
    ) as stream:
        events = list(stream)
    assert [event.type for event in events] == ["image_generation.completed"] * 2
    assert not same(*(opened(event.b64_json) for event in events))


@generations
@edits
def test_the_asynchronous_client_makes_edits_and_follows(address: str):
    async def use() -> None:
        async with AsyncOpenAI(base_url=f"{address}/v1", api_key="any") as client:
            made, edited = await asyncio.gather(
                client.images.generate(prompt=PROMPT, extra_body=QUICK),
                client.images.edit(
                    prompt="a blue ball, 3d", image=in_png(photograph()), extra_body=QUICK
                ),
            )
            for each in (made, edited):
                assert shows_something(pictures(each)[0])
            stream = await client.images.generate(prompt=PROMPT, stream=True, extra_body=QUICK)
            types = [event.type async for event in stream]
            assert types == ["image_generation.completed"]

    asyncio.run(use())


@edits
def test_a_picture_may_come_in_every_way_that_the_client_has(openai: OpenAI, tmp_path: Path):
    data = in_png(photograph())
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    ways = [data, io.BytesIO(data), [data], [("x.jpg", data, "image/jpeg")], ("photo.png", data)]
    made = [openai.images.edit(prompt=PROMPT, image=way, extra_body=QUICK) for way in [*ways, path]]
    looks = [pictures(each)[0] for each in made]
    assert shows_something(looks[0])
    assert all(same(looks[0], other) for other in looks)


@edits
def test_strength_says_how_far_an_edit_may_go(openai: OpenAI):
    data = in_png(photograph())

    def distance(strength: float) -> float:
        made = openai.images.edit(
            prompt=PROMPT,
            image=data,
            extra_body={"seed": 7, "steps": 10, "strength": strength},
        )
        return float(np.abs(pixels(pictures(made)[0]) - pixels(photograph())).mean())

    assert distance(0.2) < distance(1.0)


@edits
def test_a_mask_repaints_what_is_transparent_and_leaves_all_else(openai: OpenAI):
    made = openai.images.edit(
        prompt="green leaf, 3d",
        image=in_png(photograph()),
        mask=mask(16, 16, 48, 48),
        extra_body={"seed": 7, "steps": 8},
    )
    change = np.abs(pixels(pictures(made)[0]) - pixels(photograph())).max(axis=-1)
    outside = np.ones_like(change, dtype=bool)
    outside[4:60, 4:60] = False  # less what the mask's edge is softened over
    assert change[outside].max() <= 3
    assert change[20:44, 20:44].mean() > 15


@edits
def test_an_edit_is_followed_as_well(openai: OpenAI):
    with openai.images.edit(
        prompt=PROMPT,
        image=in_png(photograph()),
        stream=True,
        partial_images=1,
        extra_body=QUICK | {"steps": 40},
    ) as stream:
        events = list(stream)
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]


@variations
def test_variations_are_like_the_picture_and_unlike_each_other(openai: OpenAI):
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made = openai.images.create_variation(
            image=in_png(photograph()), n=2, response_format="b64_json", extra_body=QUICK
        )
    first, second = pictures(made)
    assert first.size == (SIDE, SIDE)
    assert not same(first, second)
    assert not same(first, photograph())


@models
def test_the_models_are_listed_and_found_by_their_names(openai: OpenAI):
    listed = list(openai.models.list())
    assert [model.id for model in listed] == ["emoji"]
    assert openai.models.retrieve("emoji").owned_by == "darkroom"
    assert openai.models.retrieve("gpt-image-1").id == "emoji"
