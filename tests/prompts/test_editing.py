"""Prompts that change from step to step, and several at once, by HTTP to pictures made by hand."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.helpers import difference
from tests.prompts.by_hand import edited, joined, levels, seeded
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE

USUAL: Fields = {
    "model": "sd1",
    "width": 32,
    "height": 32,
    "steps": 8,
    "sampler": "ddim",
    "guidance_scale": 5.0,
}


def test_prompts_that_change_share_forwards_with_others_and_are_what_diffusers_makes_by_hand(
    site: Site, client: httpx.Client
):
    asked = [
        {"prompt": "a [red apple:green pear:0.5], flat", "negative_prompt": "[blue::3] dull"},
        {"prompt": "a [cat|dog [big:3]] face", "negative_prompt": ""},
        {"prompt": "a red apple", "negative_prompt": "blue"},
    ]
    # The first words hold for the forward that is named too, as AUTOMATIC1111 counts.
    words = [
        lambda step: "a red apple, flat" if step <= 4 else "a green pear, flat",
        lambda step: (
            "a cat face" if step in (0, 1, 3, 5, 7) else f"a dog {'' if step <= 3 else 'big'} face"
        ),
        lambda step: "a red apple",
    ]
    against = [
        lambda step: "blue dull" if step <= 3 else " dull",
        lambda step: "",
        lambda step: "blue",
    ]
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = [
            made(client, **USUAL, seed=seed, **fields) for seed, fields in enumerate(asked, start=1)
        ]
    ours = [picture(client, job) for job in jobs]
    for index, one in enumerate(ours):
        stock = edited(
            site.data / "sd1",
            words[index],
            against[index],
            **{"width": 32, "height": 32, "generator": seeded(index + 1)},
            num_inference_steps=8,
            guidance_scale=5.0,
        )
        assert difference(one, levels(stock)) <= TOLERANCE, asked[index]
    plain = picture(client, made(client, **USUAL, seed=1, prompt="a red apple, flat"))
    assert difference(plain, ours[0]) > TOLERANCE
    total, forwards = rows_since(client, "sd1", before, 4 * 2 * 8)
    assert total == 4 * 2 * 8
    assert forwards < 0.8 * 4 * 8


def test_prompts_joined_by_and_are_rows_of_one_picture(site: Site, client: httpx.Client):
    asked = {**USUAL, "prompt": "a red apple :1.2 AND a cat face :0.4 AND rain", "seed": 5}
    before = settled(client, "sd1")
    job = made(client, **asked, negative_prompt="blue")
    mate = made(client, **{**asked, "prompt": "a green pear", "seed": 6})
    ours = picture(client, job)
    by_hand = joined(
        site.data / "sd1",
        [("a red apple", 1.2), (" a cat face", 0.4), (" rain", 1.0)],
        "blue",
        **{"steps": 8, "scale": 5.0, "seed": 5, "size": 32},
    )
    assert difference(ours, levels(by_hand)) <= TOLERANCE
    picture(client, mate)
    total, _ = rows_since(client, "sd1", before, 8 * 4 + 8 * 2)
    assert total == 8 * 4 + 8 * 2
    kept = client.get(ended(client, job)["outputs"][0]["url"]).content
    assert asked["prompt"] in Image.open(io.BytesIO(kept)).text["parameters"]
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert answer.status_code == 202, answer.text
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours)


def test_a_walk_that_begins_at_a_picture_is_counted_from_its_first_step(
    site: Site, client: httpx.Client
):
    start = Image.new("RGB", (32, 32), (200, 120, 40))
    job = made(
        client,
        **USUAL,
        kind="image-to-image",
        image=start,
        strength=0.5,
        prompt="[a red apple:a green pear:0.25]",
        negative_prompt="",
        seed=3,
    )
    # Of 8 steps 4 are walked; a quarter of all is 2.
    stock = edited(
        site.data / "sd1",
        lambda step: "a red apple" if step <= 2 else "a green pear",
        lambda step: "",
        image=start,
        strength=0.5,
        generator=seeded(3),
        num_inference_steps=8,
        guidance_scale=5.0,
    )
    assert difference(picture(client, job), levels(stock)) <= TOLERANCE


def test_a_second_pass_goes_on_counting_behind_the_first(site: Site, client: httpx.Client):
    job = made(
        client,
        **USUAL,
        prompt="a [red:green:0.25] [cat face:rocket:1.5]",
        negative_prompt="",
        seed=9,
        hires={"scale": 2, "steps": 8, "strength": 0.5, "upscaler": "latent"},
    )
    usual = {"num_inference_steps": 8, "guidance_scale": 5.0, "generator": seeded(9)}
    small = edited(
        site.data / "sd1",
        lambda step: "a red cat face" if step <= 2 else "a green cat face",
        lambda step: "",
        **{"width": 32, "height": 32, "output_type": "latent"} | usual,
    )
    larger = torch.nn.functional.interpolate(small[None], scale_factor=2, mode="bilinear")
    # Of its 8 steps 4 are walked, and their middle is 2.
    stock = edited(
        site.data / "sd1",
        lambda step: "a green cat face" if step <= 2 else "a green rocket",
        lambda step: "",
        **{"image": larger, "strength": 0.5} | usual,
    )
    assert difference(picture(client, job), levels(stock)) <= TOLERANCE


def test_a_second_pass_has_words_of_its_own(site: Site, client: httpx.Client):
    job = made(
        client,
        **USUAL,
        prompt="a red apple",
        negative_prompt="",
        seed=9,
        hires={
            "scale": 2,
            "steps": 8,
            "strength": 0.5,
            "upscaler": "latent",
            "prompt": "a cat [face:rocket:1.5]",
            "negative_prompt": "blue",
        },
    )
    usual = {"num_inference_steps": 8, "guidance_scale": 5.0, "generator": seeded(9)}
    small = edited(
        site.data / "sd1",
        lambda step: "a red apple",
        lambda step: "",
        **{"width": 32, "height": 32, "output_type": "latent"} | usual,
    )
    larger = torch.nn.functional.interpolate(small[None], scale_factor=2, mode="bilinear")
    stock = edited(
        site.data / "sd1",
        lambda step: "a cat face" if step <= 2 else "a cat rocket",
        lambda step: "blue",
        **{"image": larger, "strength": 0.5} | usual,
    )
    ours = picture(client, job)
    assert difference(ours, levels(stock)) <= TOLERANCE
    kept = client.get(ended(client, job)["outputs"][0]["url"]).content
    assert "Hires prompt: " in Image.open(io.BytesIO(kept)).text["parameters"]
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours)


def test_a_transformers_prompt_changes_as_well(site: Site, client: httpx.Client):
    asked = {**USUAL, "model": "sd3", "sampler": "euler", "prompt": "a [cat:red dog:3]", "seed": 2}
    stock = edited(
        site.data / "sd3",
        lambda step: "a cat" if step <= 3 else "a red dog",
        lambda step: "blue",
        **{"width": 32, "height": 32, "generator": seeded(2)},
        num_inference_steps=8,
        guidance_scale=5.0,
    )
    ours = picture(client, made(client, **asked, negative_prompt="blue"))
    assert difference(ours, levels(stock)) <= TOLERANCE


@pytest.mark.slow
def test_a_lora_has_a_weight_for_the_text_encoder_and_one_for_the_unet(
    site: Site, client: httpx.Client
):
    asked = {**USUAL, "negative_prompt": "blue", "seed": 8, "steps": 4}
    tags = ("<lora:ink:0.9:0.3>", "<lyco:ink:unet=0.3:te=-0.5>")
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = [made(client, **asked, prompt=f"a red apple{tag}") for tag in tags]
    ours = [picture(client, job) for job in jobs]
    # Those that differ in how the prompt is read alone have one UNet.
    total, forwards = rows_since(client, "sd1", before, 2 * 2 * 4)
    assert total == 2 * 2 * 4
    assert forwards < 2 * 4
    for one, weights in zip(ours, ((0.9, 0.3), (-0.5, 0.3)), strict=True):
        stock = edited(
            site.data / "sd1",
            lambda step: "a red apple",
            lambda step: "blue",
            dict(zip(("text_encoder", "unet"), weights, strict=True)),
            **{"width": 32, "height": 32, "generator": seeded(8)},
            num_inference_steps=4,
            guidance_scale=5.0,
        )
        assert difference(one, levels(stock)) <= TOLERANCE
    done = ended(client, jobs[0])
    (lora,) = done["input"]["loras"]
    assert (lora["weight"], lora["text_encoder_weight"]) == (0.3, 0.9)
    kept = client.get(done["outputs"][0]["url"]).content
    assert "<lora:ink:0.9:0.3>" in Image.open(io.BytesIO(kept)).text["parameters"]


def test_weights_of_blocks_that_the_model_lacks_are_refused(client: httpx.Client):
    """Before anything is queued, by name, and only where the model has none of those named."""

    def answer(model: str, blocks: dict[str, float], **fields: Any) -> Any:
        lora = {"name": "ink", "block_weights": blocks}
        asked = {"model": model, "prompt": "an apple", "steps": 1, "loras": [lora]}
        return client.post(f"{API}/jobs", json=asked | fields).json()

    (refused,) = answer("sd1", {"IN11": 0.5, "BASE": 0.2})["errors"]
    assert refused["pointer"] == "/loras/0/block_weights"
    assert refused["detail"].startswith("the model has no block IN11; its blocks are IN00, IN01")
    (refused,) = answer("sd1", {}, prompt="x <lora:ink:1:lbw=1,0,0,0,0,1,1,1,1,1,1,1>")["errors"]
    assert refused["pointer"] == "/prompt"
    cards = {each["name"]: each for each in client.get(f"{API}/models").json()["models"]}
    assert cards["sd1"]["lora_blocks"][-1] in refused["detail"]
    assert cards["sd3"]["lora_blocks"] == []
    for blocks in ({"IN11": 0.5, "MID": 0.5}, {"BASE": 0.5}):
        assert answer("sd1", blocks)["status"] == "queued"


@pytest.mark.slow
def test_a_lora_acts_in_each_block_as_it_is_told_and_each_row_has_its_own(
    site: Site, client: httpx.Client
):
    asked = {**USUAL, "negative_prompt": "blue", "prompt": "a red apple", "seed": 8, "steps": 4}
    blocks = {"BASE": 0.5, "IN03": 0.0, "MID": -1.0, "OUT01": 1.5}
    # All that Stable Diffusion 1 has; the tiny model has IN00 to IN03, MID and OUT00 to OUT03.
    tag = "<lora:ink:0.8:0.8:lbw=1,1,1,1,0,1,1,1,1,1,1,1,1,0.5,1,2,1,1,1,1,1,1,1,1,1,1>"
    fields: list[Fields] = [
        {"loras": [{"name": "ink", "weight": 0.8, "block_weights": blocks}]},
        {"prompt": f"a red apple{tag}"},
        {},
        {"loras": [{"name": "ink", "weight": 0.5}, {"name": "ink", "weight": 0.3}]},
    ]
    stocks: list[Any] = [
        {"text_encoder": 0.4, "unet": _by_block(0.8, 0.0, -1.0, 1.0, 1.5)},
        {"text_encoder": 0.8, "unet": _by_block(0.8, 0.0, 0.5, 1.0, 2.0)},
        None,
        0.8,
    ]
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = [made(client, **asked | each) for each in fields]
    ours = [picture(client, job) for job in jobs]
    total, forwards = rows_since(client, "sd1", before, 4 * 2 * 4)
    assert total == 4 * 2 * 4
    assert forwards < 4 * 4
    for one, weights in zip(ours, stocks, strict=True):
        stock = edited(
            site.data / "sd1",
            lambda step: "a red apple",
            lambda step: "blue",
            weights,
            **{"width": 32, "height": 32, "generator": seeded(8)},
            num_inference_steps=4,
            guidance_scale=5.0,
        )
        assert difference(one, levels(stock)) <= TOLERANCE
    assert difference(ours[0], ours[1]) > TOLERANCE
    kept = client.get(ended(client, jobs[0])["outputs"][0]["url"]).content
    said = Image.open(io.BytesIO(kept)).text["parameters"]
    assert "<lora:ink:0.8:0.8:lbw=0.5,1,1,1,0,1,1,1,1,1,-1,1,1.5,1,1,1,1,1,1,1>" in said
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours[0])


def _by_block(weight: float, down: float, middle: float, *up: float) -> dict[str, Any]:
    """Weights of a tiny U-Net's blocks as diffusers has them."""
    return {
        "down": {"block_1": weight * down},
        "mid": weight * middle,
        "up": {"block_0": [weight * each for each in up]},
    }


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"prompt": "a AND b", "guidance_scale": 1.0}, "/prompt", "guidance"),
        ({"prompt": " AND ".join("abcdefghijklmnopq")}, "/prompt", "at most 16"),
        ({"prompt": "a AND b :101"}, "/prompt", "at most 100"),
        (
            {"prompt": f"[{'|'.join(f'a {n}' for n in range(70))}]", "steps": 90},
            "/prompt",
            "becomes 70 different texts from step to step; at most 64 are read",
        ),
        ({"prompt": f"a {'[' * 60}b{':3]' * 60}"}, "/prompt", "up to 50 deep"),
        (
            {"prompt": "a", "negative_prompt": f"{'[' * 60}b{':3]' * 60}"},
            "/negative_prompt",
            "deep",
        ),
        ({"prompt": "a [b|c]", "trace": True}, "/trace", "`attention` `none`"),
        ({"prompt": "a AND b", "trace": [0]}, "/trace", "`attention` `none`"),
        ({"prompt": "a", "negative_prompt": "[b:c:1]", "trace": True}, "/trace", "change"),
        ({"prompt": "a [b|c]", "blend_prompt": "d", "blend": 0.5}, "/blend_prompt", "change"),
        ({"prompt": "a", "blend_prompt": "[d:1]", "blend": 0.5}, "/blend_prompt", "change"),
        (
            {"kind": "walk", "prompt": "a", "walk": {"over": "prompts", "prompt": "b AND c"}},
            "/walk/prompt",
            "AND",
        ),
    ],
)
def test_what_cannot_be_joined_or_cannot_change_is_refused(
    client: httpx.Client, fields: dict[str, object], pointer: str, said: str
):
    answer = client.post(f"{API}/jobs", json={**USUAL, **fields})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]
