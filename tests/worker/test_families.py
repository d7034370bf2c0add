"""Flow-matching transformers the whole way: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from PIL import Image

from jobs.records import metrics
from jobs.records.events import ENDED
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.running.waiting import until
from tests.tiny_pipelines import save_tiny_flux, save_tiny_sd3
from worker.engine import TOLERANCE

Fields = dict[str, Any]

SAVERS = {"sd3": save_tiny_sd3, "flux": save_tiny_flux}

ASKED: Mapping[str, list[Fields]] = {
    "sd3": [
        {"steps": 30, "seed": 1, "negative_prompt": "blue"},
        {"steps": 20, "seed": 2, "prompt": "a cat face, 3d", "guidance_scale": 3.0},
        {"steps": 25, "seed": 3, "guidance_scale": 1.0},
        {"steps": 9, "seed": 4, "width": 48, "sampler": "unipc"},
    ],
    "flux": [
        {"steps": 30, "seed": 1},
        {"steps": 20, "seed": 2, "prompt": "a cat face, 3d", "guidance_scale": 2.0},
        {"steps": 25, "seed": 3, "true_cfg_scale": 3.0, "negative_prompt": "blue"},
        {"steps": 9, "seed": 4, "width": 48, "sampler": "unipc"},
    ],
}
"""Jobs of a family that come at once: other prompts, steps, guidance; the last one another size."""

USUAL: Fields = {"prompt": "a red apple", "width": 32, "height": 32}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with tiny models of these families."""
    data = tmp_path_factory.mktemp("families")
    for name, save in SAVERS.items():
        save(data / name)
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in SAVERS))
    with site_in(data, models=models) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=90) as client:
        yield client


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def made(client: httpx.Client, **asked: Any) -> str:
    """Sends a job, and returns where it is."""
    return client.post(f"{API}/jobs", json=asked).raise_for_status().json()["urls"]["self"]


def picture(client: httpx.Client, job: str) -> np.ndarray[Any, Any]:
    """Waits for a job's picture."""
    until(lambda: client.get(job).json()["status"] in ENDED, 120)
    done = client.get(job).json()
    assert done["status"] == "succeeded", done["error"]
    return pixels(client.get(done["outputs"][0]["url"]).content)


def stock(pipeline: Any, **asked: Any) -> np.ndarray[Any, Any]:
    """Diffusers' own picture."""
    scheduler = pipeline.scheduler
    if asked.pop("sampler", None) == "unipc":
        pipeline.scheduler = UniPCMultistepScheduler.from_config(
            scheduler.config,
            use_flow_sigmas=True,
            prediction_type="flow_prediction",
            flow_shift=scheduler.config.shift,
        )
    asked["generator"] = torch.Generator().manual_seed(asked.pop("seed"))
    asked["num_inference_steps"] = asked.pop("steps")
    try:
        return np.asarray(pipeline(**asked).images[0])
    finally:
        pipeline.scheduler = scheduler


def rows(site: Site, model: str) -> tuple[float, float]:
    """Rows of all forwards so far, and how many forwards there were."""
    tree = metrics.read(site.redis).get("forward_rows", {}).get(model, {})
    return tree.get("sum", 0), sum(count for part, count in tree.items() if part != "sum")


@pytest.mark.parametrize("family", SAVERS)
def test_jobs_that_come_at_once_share_forwards_and_each_is_diffusers_own_picture(
    site: Site, client: httpx.Client, family: str
):
    asked = [{**USUAL, **fields} for fields in ASKED[family]]
    jobs = [made(client, model=family, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    pipeline = AutoPipelineForText2Image.from_pretrained(site.data / family)
    pipeline.set_progress_bar_config(disable=True)
    for fields, ours in zip(asked, pictures, strict=True):
        assert difference(ours, stock(pipeline, **fields)) <= TOLERANCE, fields
    alone = picture(client, made(client, model=family, **asked[0]))
    assert difference(alone, pictures[0]) <= TOLERANCE
    guided = [
        fields.get("guidance_scale", 7.0) > 1 if family == "sd3" else "true_cfg_scale" in fields
        for fields in asked
    ]
    alone_rows = (
        sum((1 + two) * fields["steps"] for fields, two in zip(asked, guided, strict=True))
        + (1 + guided[0]) * asked[0]["steps"]
    )
    until(lambda: rows(site, family)[0] >= alone_rows)
    total, forwards = rows(site, family)
    steps = sum(fields["steps"] for fields in asked) + asked[0]["steps"]
    assert total == alone_rows
    assert forwards < 0.75 * steps, "forwards; alone it would be one a step"
