"""Pictures that are like others: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image

from tests.engine.helpers import difference
from tests.features.development import photograph, right_half
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import (
    USUAL,
    Fields,
    Pixels,
    data_uri,
    ended,
    made,
    picture,
    pixels,
    rows_since,
    settled,
)
from tests.worker.families.comparing.stock import UNETS, pipeline_of
from worker.engine import TOLERANCE

MASK = right_half(32)
EVERYWHERE = Image.new("L", (32, 32), 255)

ASKED: Sequence[tuple[Fields, Sequence[Fields]]] = (
    ({"steps": 8, "seed": 1}, [{"form": "base", "pictures": (1,), "weight": 0.9}]),
    ({"steps": 6, "seed": 2, "guidance_scale": 1.0}, [{"form": "base", "pictures": (2, 3)}]),
    (
        {"steps": 7, "seed": 3, "negative_prompt": "blue"},
        [{"form": "plus", "pictures": (4, 5), "start": 0.2, "end": 0.6}],
    ),
    (
        {"steps": 5, "seed": 4},
        [
            {"form": "full", "pictures": (6,), "weight": 0.7, "mask": MASK},
            {
                "form": "base",
                "pictures": (7,),
                "weight": 0.5,
                "mask": EVERYWHERE,
            },
        ],
    ),
)
"""Pictures that come at once, and what each is to be like."""

MORE = {"sd1": 1, "sdxl": 0}
"""Forwards beyond the steps, by the model's own sampler."""

PARTS = ("weight", "start", "end")


def adapters(family: str, shown: Sequence[Fields]) -> list[Fields]:
    return [
        {
            "model": f"{family}-{each['form']}",
            "images": [data_uri(photograph(40, seed=seed)) for seed in each["pictures"]],
            **{name: each[name] for name in PARTS if name in each},
            **({"mask": data_uri(each["mask"])} if "mask" in each else {}),
        }
        for each in shown
    ]


def stock(site: Site, family: str, fields: Fields, shown: Sequence[Fields]) -> Pixels:
    """Diffusers' own picture."""
    pipeline = pipeline_of(site.data / family)
    pipeline.load_ip_adapter(
        str(site.data / "models"),
        subfolder="ip_adapters",
        weight_name=[f"{family}-{each['form']}.safetensors" for each in shown],
        image_encoder_folder="image_encoder",
    )
    forwards = fields["steps"] + MORE[family]
    asked: Fields = {"callback_on_step_end": partial(weigh, shown=shown, forwards=forwards)}
    weigh(pipeline, -1, None, {}, shown, forwards)
    if any("mask" in each for each in shown):
        masks = [IPAdapterMaskProcessor().preprocess([each["mask"]]) for each in shown]
        asked["cross_attention_kwargs"] = {"ip_adapter_masks": masks}
    drawn = pipeline(
        USUAL["prompt"],
        negative_prompt=fields.get("negative_prompt"),
        width=32,
        height=32,
        num_inference_steps=fields["steps"],
        guidance_scale=fields.get("guidance_scale", UNETS[family].default),
        generator=torch.Generator().manual_seed(fields["seed"]),
        ip_adapter_image=[
            [photograph(40, seed=seed) for seed in each["pictures"]] for each in shown
        ],
        **asked,
    )
    return np.asarray(drawn.images[0])


def weigh(
    pipeline: Any, done: int, _timestep: Any, given: Any, shown: Sequence[Fields], forwards: int
) -> Any:
    """Diffusers has no start and end of its own: the scale is set before each forward."""
    here, after = (done + 1) / forwards, (done + 2) / forwards
    acts = [each.get("start", 0.0) <= here and after <= each.get("end", 1.0) for each in shown]
    scales = [each.get("weight", 1.0) * now for each, now in zip(shown, acts, strict=True)]
    pipeline.set_ip_adapter_scale(scales)
    return given


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.slow
def test_pictures_like_others_share_forwards_with_plain_ones_and_are_diffusers_own(
    site: Site, client: httpx.Client, family: str
):
    start = settled(client, family)
    with site.worker.held():
        jobs = [
            made(client, model=family, **USUAL, **fields, ip_adapters=adapters(family, shown))
            for fields, shown in ASKED
        ]
        plain = made(client, model=family, **USUAL, steps=8, seed=1)
    found = [picture(client, job) for job in [*jobs, plain]]
    for (fields, shown), ours in zip(ASKED, found, strict=False):
        assert difference(ours, stock(site, family, fields, shown)) <= TOLERANCE, fields
    assert difference(found[0], found[-1]) > 10 * TOLERANCE
    alone = picture(client, made(client, model=family, **USUAL, steps=8, seed=1))
    assert difference(found[-1], alone) <= TOLERANCE
    of_all = [*(fields for fields, _ in ASKED), {"steps": 8}, {"steps": 8}]
    steps = [fields["steps"] + MORE[family] for fields in of_all]
    expected = sum(map(UNETS[family].rows, of_all, steps))
    total, forwards = rows_since(client, family, start, expected)
    assert total == expected
    assert forwards < 0.9 * sum(steps)


def test_what_a_picture_was_to_be_like_stands_in_it_and_comes_back(
    client: httpx.Client,
):
    asked = {**USUAL, "model": "sd1", "steps": 2, "seed": 5}
    adapter = {"model": "sd1-base", "weight": 0.8, "end": 0.9}
    files = {"ip_adapter_0": png(1), "ip_adapter_0_1": png(2), "ip_adapter_mask_0": png(3)}
    answer = client.post(
        f"{API}/jobs",
        data={"request": json.dumps({**asked, "ip_adapters": [adapter]})},
        files=files,
    )
    job = answer.raise_for_status().json()["urls"]["self"]
    done = ended(client, job)
    data = client.get(done["outputs"][0]["url"]).content
    again = client.post(f"{API}/recipes", content=data, headers={"Content-Type": "image/png"})
    request = again.raise_for_status().json()["request"]
    [kept] = request["ip_adapters"]
    assert {name: kept[name] for name in adapter} == adapter
    assert len(kept["images"]) == 2
    assert kept["mask"]
    asked = {name: request[name] for name in (*asked, "ip_adapters")}
    same = picture(client, made(client, **asked))
    assert np.array_equal(same, pixels(data))
    text = Image.open(io.BytesIO(data)).info["parameters"]
    assert "IP-Adapter 0" in text
    assert "Model: sd1-base" in text.replace("\\u002c", ",")


def test_an_ip_adapter_is_listed_with_its_family_and_refused_by_others(client: httpx.Client):
    cards = client.get(f"{API}/models").raise_for_status().json()["models"]
    for card in cards:
        names = {(each["name"], each["family"]) for each in card["ip_adapters"]}
        of_sd1 = {("sd1-base", ""), ("sd1-plus", ""), ("sd1-full", "")}
        assert names == {
            (name.replace("sd1", card["family"]), family)
            for name, family in of_sd1
            if card["family"] in UNETS
        }
    shown = [{"model": "sd1-base", "images": [data_uri(photograph(16))], "start": 0.5, "end": 0.2}]
    for model in ("sdxl", "flux"):
        answer = client.post(f"{API}/jobs", json={**USUAL, "model": model, "ip_adapters": shown})
        assert answer.status_code == 422
        first, second = answer.json()["errors"]
        assert first["pointer"] == "/ip_adapters/0/model"
        assert "the IP-Adapter 'sd1-base' is for sd1 (sd1)" in first["detail"]
        assert second["pointer"] == "/ip_adapters/0/end"


def png(seed: int) -> bytes:
    written = io.BytesIO()
    photograph(24, seed=seed).save(written, "PNG")
    return written.getvalue()
