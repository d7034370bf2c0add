"""Pipelines that run whole, the whole way: by HTTP through the running server to a PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
)
from PIL import Image

from tests.engine.helpers import difference
from tests.features.development import EDGE, photograph, right_half
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny.pipelines.pipelines import save_tiny_edm
from worker.engine import TOLERANCE

SAVERS = {"edm": save_tiny_edm}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with tiny models of these pipelines."""
    data = tmp_path_factory.mktemp("whole")
    for name, save in SAVERS.items():
        save(data / name)
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in SAVERS))
    with site_in(data, models=models) as site:
        yield site


@pytest.mark.parametrize("model", SAVERS)
def test_a_job_ends_with_a_picture_whose_recipe_makes_it_again(whole: Site, model: str):
    with httpx.Client(base_url=whole.url, timeout=90, headers={"Prefer": "wait=60"}) as client:

        def done(**body: Any) -> bytes:
            job = client.post(f"{API}/jobs", **body).raise_for_status().json()
            assert job["status"] == "succeeded", job["error"]
            assert job["attempts"] == 1
            return client.get(job["outputs"][0]["url"]).content

        asked = {"model": model, "prompt": "a red apple", "width": 32, "height": 32, "steps": 2}
        made = done(json=asked | {"seed": 5})
        sent = {"content": made, "headers": {"Content-Type": "image/png"}}
        read = client.post(f"{API}/recipes", **sent).raise_for_status().json()
        assert (read["request"]["model"], read["request"]["seed"]) == (model, 5)
        assert "Steps: 2, CFG scale" in Image.open(io.BytesIO(made)).text["parameters"]
        assert np.array_equal(pixels(done(**sent)), pixels(made))


@pytest.mark.parametrize(
    "kind", ["image-to-image", pytest.param("inpaint", marks=pytest.mark.slow)]
)
def test_a_picture_to_start_from_is_drawn_over_as_diffusers_own_pipeline_does(
    whole: Site, kind: str
):
    pipeline = AutoPipelineForText2Image.from_pretrained(whole.data / "edm")
    auto = AutoPipelineForImage2Image if kind == "image-to-image" else AutoPipelineForInpainting
    variant = auto.from_pipe(pipeline)
    variant.set_progress_bar_config(disable=True)
    start, mask = photograph(32), right_half(32)
    given = {"image": start} | ({} if kind == "image-to-image" else {"mask_image": mask})
    expected = np.asarray(
        variant(
            prompt="a red apple",
            strength=0.6,
            num_inference_steps=5,
            guidance_scale=5.0,
            generator=torch.Generator().manual_seed(5),
            **given,
            **({} if kind == "image-to-image" else {"width": 32, "height": 32}),
        ).images[0]
    )
    fields = {"model": "edm", "kind": kind, "prompt": "a red apple", "strength": "0.6"}
    fields |= {"steps": "5", "seed": "5", "mask_blur": "0", "width": "32", "height": "32"}
    files = {"image": png(start)} | ({} if kind == "image-to-image" else {"mask": png(mask)})
    with httpx.Client(base_url=whole.url, timeout=90, headers={"Prefer": "wait=60"}) as client:
        job = client.post(f"{API}/jobs", data=fields, files=files).raise_for_status().json()
        assert job["status"] == "succeeded", job["error"]
        ours = pixels(client.get(job["outputs"][0]["url"]).content)
    if kind == "inpaint":
        kept = np.s_[:, : 16 - EDGE]
        assert np.array_equal(ours[kept], np.asarray(start)[kept])
        ours, expected = ours[:, 16 + EDGE :], expected[:, 16 + EDGE :]
    assert difference(ours, expected) <= TOLERANCE


def png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
