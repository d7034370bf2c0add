"""Pictures whose edges meet, by HTTP to diffusers' with convolutions that wrap."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from tests.conditions.by_hand import USUAL, pipeline_of, seeded
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.visits import Visits


def wrap(module: Any, *, across: bool, down: bool) -> None:
    """Has each convolution see the other edge beyond this one."""
    for each in module.modules():
        if isinstance(each, torch.nn.Conv2d) and each.padding != (0, 0):
            each._conv_forward = _wrapping(each, across, down)


def _wrapping(each: torch.nn.Conv2d, across: bool, down: bool) -> Any:
    above, beside = each.padding

    def convolve(inputs: torch.Tensor, weight: torch.Tensor, bias: Any) -> torch.Tensor:
        wide = functional.pad(
            inputs, (beside, beside, 0, 0), mode="circular" if across else "constant"
        )
        padded = functional.pad(wide, (0, 0, above, above), mode="circular" if down else "constant")
        return functional.conv2d(padded, weight, bias, each.stride)

    return convolve


@torch.inference_mode()
@pytest.mark.parametrize("starved", [False, True])
def test_where_edges_meet_is_no_place_in_the_picture(
    site: Site, monkeypatch: pytest.MonkeyPatch, starved: bool
):
    vae = pipeline_of(site.data / "sd1").vae.eval()
    autoencoder = Autoencoder(vae, Visits(torch.device("cpu")))
    latents = torch.randn(1, 4, 20, 24, generator=seeded(1))
    rolled = latents.roll(5, dims=-1)
    sideways, plain = autoencoder.seamless("x"), autoencoder.decode(latents)
    by_itself = sideways.decode(latents)
    if starved:

        def full(_: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("too large")

        monkeypatch.setattr(sideways, "decoded", full)
    here, there = sideways.decode(latents), sideways.decode(rolled)
    moved = here[:, (np.arange(here.shape[1]) - 5 * autoencoder.scale) % here.shape[1]]
    # What sees some of the other edge alone is not quite the whole.
    assert difference(there, moved) <= (4 if starved else 1)
    assert difference(plain, by_itself) > 1
    assert difference(here, by_itself) <= (8 if starved else 0)
    assert difference(autoencoder.decode(latents), plain) == 0


def test_edges_meet_where_they_are_to_and_rows_share_forwards(site: Site, client: httpx.Client):
    ways = {"none": (False, False), "x": (True, False), "y": (False, True), "both": (True, True)}
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = {way: made(client, **USUAL, tiling=way) for way in ways}
    ours = {way: picture(client, job) for way, job in jobs.items()}
    total, forwards = rows_since(client, "sd1", before, 4 * 2 * 6)
    assert total == 4 * 2 * 6
    assert forwards < 4 * 6
    for way, (across, down) in ways.items():
        pipeline = pipeline_of(site.data / "sd1")
        wrap(pipeline.unet, across=across, down=down)
        wrap(pipeline.vae.decoder, across=across, down=down)
        stock = pipeline(
            prompt="a red apple",
            negative_prompt="blue",
            width=32,
            height=32,
            num_inference_steps=6,
            guidance_scale=5.0,
            generator=seeded(4),
        ).images[0]
        assert difference(ours[way], np.asarray(stock)) <= TOLERANCE, way
    kept = client.get(ended(client, jobs["x"])["outputs"][0]["url"]).content
    assert "Tiling: x" in Image.open(io.BytesIO(kept)).text["parameters"]
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours["x"])


@pytest.mark.parametrize("fields", [{"model": "sd3"}])
def test_a_transformer_that_knows_its_edges_refuses(client: httpx.Client, fields: Fields):
    answer = client.post(f"{API}/jobs", json={**USUAL, "sampler": "euler", **fields, "tiling": "x"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/tiling"
    assert "convolutions" in error["detail"]
