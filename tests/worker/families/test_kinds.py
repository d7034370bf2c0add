"""Every family from a picture and in a mask: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import httpx
import pytest

from tests.engine.helpers import difference
from tests.features.development import photograph, right_half
from tests.running.site import Site
from tests.worker.families.comparing.asking import USUAL, Fields, made, picture
from tests.worker.families.comparing.stock import FAMILIES, pipeline_of, stock
from worker.engine import TOLERANCE

FROM: Fields = {"image": photograph(32), "strength": 0.6, "steps": 7, "sampler": "euler"}

KINDS: tuple[Fields, ...] = (
    {**FROM, "kind": "image-to-image"},
    {**FROM, "kind": "inpaint", "mask": right_half(32), "mask_blur": 0},
)

OWN = {"sana": "dpmpp_2m", "pixart-sigma": "unipc", "kolors": "unipc"}
"""Samplers of families that walk otherwise than by Euler, and begin with noise of variance 1."""

QUICK = ("sd3", "chroma")


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_from_a_picture_and_in_a_mask_each_is_diffusers_own(
    site: Site, client: httpx.Client, name: str
):
    asked = [
        {**USUAL, **fields, "sampler": OWN.get(name, "euler"), "seed": number}
        for number, fields in enumerate(KINDS)
    ]
    jobs = [made(client, model=name, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    pipeline = pipeline_of(site.data / name)
    for fields, ours in zip(asked, pictures, strict=True):
        expected = stock(FAMILIES[name], pipeline, fields)
        assert ours.std() > 5
        assert difference(ours, expected) <= TOLERANCE, fields["kind"]
