"""Transformers the whole way: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import USUAL, made, picture, rows_since, settled
from tests.worker.families.comparing.page import Figures
from tests.worker.families.comparing.stock import FAMILIES, pipeline_of, stock
from worker.engine import TOLERANCE

QUICK = ("z-image",)
"""test_mixed.py has Flux and Qwen-Image: a guidance scale of each row's own, and texts of different
lengths."""


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_jobs_that_come_at_once_share_forwards_and_each_is_diffusers_own_picture(
    site: Site, client: httpx.Client, figures: dict[str, Figures], name: str
):
    family = FAMILIES[name]
    asked = [{**USUAL, **fields} for fields in family.jobs]
    before = settled(client, name)
    with site.worker.held():
        jobs = [made(client, model=name, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    pipeline = pipeline_of(site.data / name)
    apart = [
        difference(ours, stock(family, pipeline, fields))
        for fields, ours in zip(asked, pictures, strict=True)
    ]
    assert max(apart) <= TOLERANCE, apart
    alone = picture(client, made(client, model=name, **asked[0]))
    assert difference(alone, pictures[0]) <= TOLERANCE
    asked.append(asked[0])
    expected = sum(family.rows(fields) for fields in asked)
    total, forwards = rows_since(client, name, before, expected)
    assert total == expected
    steps = tuple(fields["steps"] for fields in asked)
    # Alone it would be one a step.
    assert forwards < 0.8 * sum(steps)
    cards = client.get(f"{API}/models").json()["models"]
    [kinds] = [card["kinds"] for card in cards if card["name"] == name]
    shared, one = (total, forwards), difference(alone, pictures[0])
    figures[name] = Figures(steps, *map(int, shared), max(apart), one, tuple(kinds))


def test_a_recipe_says_all_that_made_a_picture_and_makes_it_again(client: httpx.Client):
    asked = {**USUAL, "model": "flux", "steps": 4, "seed": 6, "true_cfg_scale": 2.5}
    asked |= {"negative_prompt": "blue", "variation_seed": 3, "variation_strength": 0.2}
    asked |= {"hires": {"scale": 1.5, "strength": 0.5}, "exact": True, "schedule": "beta"}
    job = made(client, **asked)
    first = picture(client, job)
    assert first.shape == (48, 48, 3)
    kept = client.get(client.get(job).json()["outputs"][0]["url"]).content
    assert "True CFG scale: 2.5" in Image.open(io.BytesIO(kept)).text["parameters"]
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    again = answer.raise_for_status().json()
    assert again["input"]["true_cfg_scale"] == 2.5
    assert np.array_equal(picture(client, again["urls"]["self"]), first)
