"""Mixed traffic: UNets and transformers in one server, whatever is asked for at once."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from tests.engine.helpers import difference
from tests.features.development import photograph, right_half
from tests.running.site import Site
from tests.worker.families.comparing.asking import (
    USUAL,
    Fields,
    made,
    picture,
    rows,
    rows_since,
    settled,
)
from tests.worker.families.comparing.stock import FAMILIES, UNETS, Family, pipeline_of, stock
from worker.engine import TOLERANCE

MIXED: Mapping[str, Family] = {
    **UNETS,
    "flux": FAMILIES["flux"],
    "qwen-image": FAMILIES["qwen-image"],
}

SIDE = 32

NO_LEVELS = {"dpmpp_2m": "unipc"}
"""Qwen-Image's own pipeline hands solvers noise levels, and diffusers' DPM++ 2M takes none."""

ASKED: tuple[Fields, ...] = (
    {"steps": 16, "sampler": "euler"},
    {"steps": 11, "prompt": "a cat face, 3d", "sampler": "unipc"},
    {"steps": 7, "sampler": "dpmpp_2m"},
    {"steps": 9, "width": 64, "sampler": "euler"},
    {
        "steps": 14,
        "sampler": "euler",
        "kind": "image-to-image",
        "image": photograph(SIDE),
        "strength": 0.5,
    },
    {
        "steps": 10,
        "sampler": "euler",
        "kind": "inpaint",
        "image": photograph(SIDE, seed=1),
        "mask": right_half(SIDE),
        "mask_blur": 0,
        "strength": 0.8,
    },
)
"""What is asked of each model: other steps, words, samplers, sizes and kinds."""


QUICK = tuple(ASKED[number] for number in (1, 3, 4))

TWO = ("sd1", "flux")
"""A UNet and a transformer: these are mixed by default."""


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("names", "asks"),
    [(TWO, QUICK), ((*MIXED,), ASKED)],
    ids=["two", "all"],
)
@pytest.mark.slow
def test_mixed_traffic_shares_forwards_within_each_family_and_each_picture_is_diffusers_own(
    site: Site, client: httpx.Client, names: tuple[str, ...], asks: tuple[Fields, ...]
):
    # Whoever waits for its model joins late, and these are to come at once.
    before = {name: warm(client, name) for name in names}
    jobs: dict[str, list[tuple[Fields, str]]] = {name: [] for name in names}
    with site.worker.held():
        for number, fields in enumerate(asks):
            for name in names:
                asked = {**USUAL, **fields, "seed": number + 1}
                if name == "qwen-image":
                    asked["sampler"] = NO_LEVELS.get(asked["sampler"], asked["sampler"])
                jobs[name].append((asked, made(client, model=name, **asked)))
    pictures = {job: picture(client, job) for each in jobs.values() for _, job in each}
    for name in names:
        family = MIXED[name]
        pipeline = pipeline_of(site.data / name)
        for fields, job in jobs[name]:
            ours = pictures[job]
            assert difference(ours, stock(family, pipeline, fields)) <= TOLERANCE, (name, fields)
        # Of a picture to start from so much of the walk is left; these samplers take a forward
        # each step.
        taken = [round(fields["steps"] * fields.get("strength", 1)) for fields, _ in jobs[name]]
        expected = [
            family.rows(fields, n) for (fields, _), n in zip(jobs[name], taken, strict=True)
        ]
        total, forwards = rows_since(client, name, before[name], sum(expected))
        assert total == sum(expected)
        # One picture at a time it would be one a step.
        assert forwards < 0.8 * sum(taken), name


def warm(client: httpx.Client, name: str) -> tuple[float, float]:
    """Has a model loaded by a job of one step; what `rows` says after it."""
    start, fields = settled(client, name), {**USUAL, "sampler": "euler", "steps": 1, "seed": 0}
    picture(client, made(client, model=name, **fields))
    rows_since(client, name, start, MIXED[name].rows(fields))
    return rows(client, name)
