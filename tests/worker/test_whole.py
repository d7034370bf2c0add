"""Pipelines that run whole, the whole way: by HTTP through the running server to a PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny_pipelines import save_tiny_qwen

SAVERS = {"qwen": save_tiny_qwen}


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


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
