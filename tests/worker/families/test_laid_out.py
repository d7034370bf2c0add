"""A model whose makers say how noisy each step is: its own steps go by what they say."""

from __future__ import annotations

import httpx
import pytest

from tests.engine.helpers import difference
from tests.running.site import Site
from tests.worker.families.comparing.asking import USUAL, ended, made, picture
from tests.worker.families.comparing.stock import FAMILIES, pipeline_of, stock
from tests.worker.families.conftest import LAID_OUT
from worker.engine import TOLERANCE

pytestmark = pytest.mark.slow


def test_the_levels_of_its_makers_are_its_default_and_other_steps_are_laid_out_evenly(
    site: Site, client: httpx.Client
):
    asked = {**USUAL, "seed": 1}
    own = made(client, model=LAID_OUT, **asked)
    more = made(client, model=LAID_OUT, steps=5, **asked)
    pipeline = pipeline_of(site.data / LAID_OUT)
    expected = stock(FAMILIES["qwen-image-21"], pipeline, {**asked, "steps": 3})
    assert ended(client, own)["input"]["steps"] == 3
    assert difference(picture(client, own), expected) <= TOLERANCE
    pipeline.register_to_config(sample_sigmas=None)
    evenly = stock(FAMILIES["qwen-image-21"], pipeline, {**asked, "steps": 5})
    assert difference(picture(client, more), evenly) <= TOLERANCE
