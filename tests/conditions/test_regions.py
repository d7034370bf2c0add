"""Several prompts in one picture, each in its place, by HTTP to pictures made by hand."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from tests.conditions.by_hand import pipeline_of, walked, words
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import (
    Fields,
    data_uri,
    ended,
    made,
    picture,
    rows_since,
    settled,
)
from worker.engine import TOLERANCE

USUAL: Fields = {
    "model": "sd1",
    "width": 32,
    "height": 16,
    "steps": 6,
    "sampler": "ddim",
    "guidance_scale": 5.0,
    "negative_prompt": "blue",
}
LEFT = {"left": 0.0, "top": 0.0, "width": 0.5, "height": 1.0}


def sloping() -> Image.Image:
    """A mask that is black on the left and gets lighter to the right."""
    return Image.fromarray(np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1)))


def shares(across: int, down: int) -> list[torch.Tensor]:
    """How much of each place is said by the picture's own prompt and by two regions: the left with
    0.75, and what the mask says."""
    left = torch.zeros(1, 1, 16, 32)
    left[..., :16] = 0.75
    mask = torch.from_numpy(np.asarray(sloping()).copy())[None, None] / 255
    size = down, across
    left, mask = (torch.nn.functional.interpolate(each, size, mode="area") for each in (left, mask))
    whole = (left + mask).clamp(min=1)
    return [1 - (left + mask) / whole, left / whole, mask / whole]


def test_each_prompt_says_what_is_drawn_in_its_place(site: Site, client: httpx.Client):
    regions = [
        {"prompt": "a red apple", "box": LEFT, "weight": 0.75},
        {"prompt": "a [cat|dog] face", "mask": data_uri(sloping())},
    ]
    asked = {**USUAL, "prompt": "a rocket", "seed": 5}
    before = settled(client, "sd1")
    unscaled = asked | {"guidance_scale": 1.0}
    with site.worker.held():
        job = made(client, **asked, regions=regions)
        mates = [made(client, **asked), made(client, **unscaled, regions=regions[:1])]
    ours = picture(client, job)
    pipeline = pipeline_of(site.data / "sd1")
    texts = ["blue", "a rocket", "a red apple", "a cat face", "a dog face"]
    read = {text: words(pipeline, text) for text in texts}

    step = 0

    def predict(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        nonlocal step
        third = "a cat face" if step in (0, 1, 3, 5) else "a dog face"
        step += 1
        said = torch.cat([read[text] for text in ("blue", "a rocket", "a red apple", third)])
        without, *each = pipeline.unet(latents.expand(4, -1, -1, -1), timestep, said).sample
        parts = shares(*latents.shape[:1:-1])
        towards = sum(share * row for share, row in zip(parts, each, strict=True))
        return without + 5.0 * (towards - without)

    by_hand = walked(pipeline, predict, steps=6, seed=5, size=(32, 16))
    assert difference(ours, by_hand) <= TOLERANCE

    def unguided(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        said = torch.cat([read["a rocket"], read["a red apple"]])
        rocket, apple = pipeline.unet(latents.expand(2, -1, -1, -1), timestep, said).sample
        left = torch.zeros_like(latents)
        left[..., : latents.shape[-1] // 2] = 0.75
        return (1 - left) * rocket + left * apple

    without_guidance = walked(pipeline, unguided, steps=6, seed=5, size=(32, 16))
    plain = picture(client, mates[0])
    assert difference(picture(client, mates[1]), without_guidance) <= TOLERANCE
    assert difference(plain, ours) > TOLERANCE
    total, forwards = rows_since(client, "sd1", before, 6 * (4 + 2 + 2))
    assert total == 6 * (4 + 2 + 2)
    assert forwards < 3 * 6
    done = ended(client, job)
    kept = client.get(done["outputs"][0]["url"]).content
    text = Image.open(io.BytesIO(kept)).text["parameters"]
    assert "a red apple" in text.splitlines()[-1]
    again = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert again.status_code == 202, again.text
    assert np.array_equal(picture(client, again.json()["urls"]["self"]), ours)


@pytest.mark.slow
def test_where_regions_leave_nothing_to_the_pictures_own_prompt_it_takes_no_row(
    site: Site, client: httpx.Client
):
    halves: list[dict[str, Any]] = [
        {"prompt": "a red apple", "box": LEFT},
        {"prompt": "a cat face", "box": {**LEFT, "left": 0.5}},
    ]
    asked = {**USUAL, "model": "sd3", "sampler": "euler", "seed": 3}
    before = settled(client, "sd3")
    ours = picture(client, made(client, **asked, regions=halves))
    total, _ = rows_since(client, "sd3", before, 6 * 3)
    assert total == 6 * 3
    pipeline = pipeline_of(site.data / "sd3")
    read: list[Any] = [
        pipeline.encode_prompt(text, text, text, do_classifier_free_guidance=False)
        for text in ("blue", "a red apple", "a cat face")
    ]
    said, whole = (torch.cat([each[at] for each in read]) for at in (0, 2))

    def predict(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        without, apple, cat = pipeline.transformer(
            hidden_states=latents.expand(3, -1, -1, -1),
            timestep=timestep.expand(3),
            encoder_hidden_states=said,
            pooled_projections=whole,
        ).sample
        half = latents.shape[-1] // 2
        towards = torch.cat([apple[..., :half], cat[..., half:]], dim=-1)
        return (without + 5.0 * (towards - without))[None]

    by_hand = walked(pipeline, predict, steps=6, seed=3, size=(32, 16))
    assert difference(ours, by_hand) <= TOLERANCE


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"regions": [{"prompt": "a"}]}, "/regions/0", "box"),
        ({"regions": [{"prompt": " ", "box": LEFT}]}, "/regions/0/prompt", "empty"),
        (
            {"regions": [{"prompt": "a", "box": {**LEFT, "left": 0.6}}]},
            "/regions/0/box",
            "edge",
        ),
        ({"regions": [{"prompt": "a AND b", "box": LEFT}]}, "/regions/0/prompt", "AND"),
        ({"prompt": "a AND b", "regions": [{"prompt": "a", "box": LEFT}]}, "/prompt", "AND"),
        (
            {"regions": [{"prompt": "a <lora:x:1>", "box": LEFT}]},
            "/regions/0/prompt",
            "LoRA",
        ),
        ({"regions": [{"prompt": "{a|b}", "box": LEFT}]}, "/regions/0/prompt", "choice"),
        (
            {"regions": [{"prompt": "a", "mask": data_uri(Image.new("L", (8, 8)))}]},
            "/regions/0/mask",
            "white",
        ),
        (
            {"prompt": "a", "regions": [{"prompt": "a", "box": LEFT}], "trace": True},
            "/trace",
            "attention",
        ),
    ],
)
def test_regions_that_cannot_be_are_refused(
    client: httpx.Client, fields: Fields, pointer: str, said: str
):
    answer = client.post(f"{API}/jobs", json={**USUAL, **fields})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_a_mask_may_come_as_a_file(client: httpx.Client):
    asked = {**USUAL, "prompt": "a rocket", "seed": 5, "steps": 2}
    written = io.BytesIO()
    sloping().save(written, "PNG")
    region = {"prompt": "a cat face"}
    answer = client.post(
        f"{API}/jobs",
        data={"request": json.dumps({**asked, "regions": [region]})},
        files={"region_0": ("mask.png", written.getvalue(), "image/png")},
    )
    assert answer.status_code == 202, answer.text
    by_uri = made(client, **asked, regions=[{**region, "mask": data_uri(sloping())}])
    ours = picture(client, answer.json()["urls"]["self"])
    assert difference(ours, picture(client, by_uri)) <= TOLERANCE
    assert difference(ours, picture(client, made(client, **asked))) > TOLERANCE
