"""What is made of other kinds equals what diffusers makes of them by hand, in every family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.helpers import difference
from tests.features.development import photograph
from tests.running.site import Site
from tests.worker.families.comparing.asking import USUAL, Fields, Pixels, made, picture
from tests.worker.families.comparing.stock import FAMILIES, pipeline_of, stock
from tests.worker.families.test_kinds import OWN
from worker.engine import TOLERANCE

SIDE = 32
QUICK = ("sd3",)

Stock = Callable[[Fields], Pixels]


def varied(asked: Fields, stock: Stock) -> Pixels:
    """Variations are the picture drawn over."""
    return stock({**asked, "kind": "image-to-image"})


def grown(asked: Fields, stock: Stock) -> Pixels:
    """A picture to whose right the colours of its edge go on, and all that is new is painted."""
    start = np.pad(np.asarray(asked["image"]), [(0, 0), (0, SIDE), (0, 0)], mode="edge")
    mask = np.zeros(start.shape[:2], np.uint8)
    mask[:, SIDE:] = 255
    fields = {**asked, "kind": "inpaint", "width": 2 * SIDE}
    return stock(fields | {"image": Image.fromarray(start), "mask": Image.fromarray(mask)})


def twice(asked: Fields, stock: Stock) -> Pixels:
    """A picture, enlarged and drawn over with what its generator draws next."""
    fields = {**asked, "generator": torch.Generator().manual_seed(asked["seed"])}
    second = fields.pop("hires")
    small = Image.fromarray(stock(fields))
    large: Any = small.resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS)
    again = {"image": large, "kind": "image-to-image", "strength": second["strength"]}
    return stock(fields | again | {"width": 2 * SIDE, "height": 2 * SIDE})


FROM: Fields = {"image": photograph(SIDE), "strength": 0.6}

JOBS: tuple[tuple[Fields, Callable[[Fields, Stock], Pixels]], ...] = (
    ({**FROM, "kind": "variations"}, varied),
    (
        {**FROM, "kind": "outpaint", "expand": {"right": SIDE}, "fill": "original", "mask_blur": 0},
        grown,
    ),
    ({"hires": {"scale": 2.0, "strength": 0.5, "upscaler": "lanczos"}}, twice),
)


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_variations_outpainted_and_second_passes_are_what_is_made_by_hand(
    site: Site, client: httpx.Client, name: str
):
    usual = {"steps": 7, "sampler": OWN.get(name, "euler")}
    asked = [{**USUAL, **usual, **fields, "seed": seed} for seed, (fields, _) in enumerate(JOBS)]
    for fields in asked:
        if "expand" in fields:
            del fields["width"], fields["height"]
    jobs = [made(client, model=name, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    pipeline = pipeline_of(site.data / name)
    for fields, (_, by_hand), ours in zip(asked, JOBS, pictures, strict=True):
        size = {"width": SIDE, "height": SIDE}
        expected = by_hand(size | fields, lambda f: stock(FAMILIES[name], pipeline, f))
        assert ours.std() > 5
        assert difference(ours, expected) <= TOLERANCE, fields.get("kind", "hires")
