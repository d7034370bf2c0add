"""Flow-matching transformers the whole way: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import (
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
)
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from PIL import Image

from jobs.records import metrics
from jobs.records.events import ENDED
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.running.sse import Events
from tests.running.waiting import until
from tests.tiny_pipelines import SAVERS
from tests.worker.test_kinds import scene
from worker.engine import TOLERANCE

Fields = dict[str, Any]

LONGER = "a cat face, 3d, a green heart, a rocket, a birthday cake"


@dataclass(frozen=True)
class Family:
    """How diffusers' own pipeline of a family is asked, and what the jobs ask for.

    A guidance scale above `off` takes a second row.
    """

    jobs: tuple[Fields, ...]
    off: float = 1.0
    scale: str = "guidance_scale"
    default: float = 4.5
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def rows(self, fields: Fields) -> int:
        scale = fields.get("true_cfg_scale" if self.scale is FLUX else "guidance_scale")
        default = 1.0 if self.scale is FLUX else self.default
        return (1 + ((default if scale is None else scale) > self.off)) * fields["steps"]


FLUX = "guidance_scale beside true_cfg_scale"


def guided(off: float = 1.0, sampler: str = "unipc") -> tuple[Fields, ...]:
    """Jobs that come at once: other prompts, steps, guidance; the last one of another size."""
    return (
        {"steps": 12, "seed": 1, "negative_prompt": "blue"},
        {"steps": 8, "seed": 2, "negative_prompt": "", "prompt": LONGER, "guidance_scale": 3.0},
        {"steps": 10, "seed": 3, "negative_prompt": "", "guidance_scale": off},
        {"steps": 4, "seed": 4, "negative_prompt": "", "width": 64, "sampler": sampler},
    )


EXACT_SIZE = {"use_resolution_binning": False, "clean_caption": False}

FAMILIES: Mapping[str, Family] = {
    "sd3": Family(guided(), default=7.0),
    "flux": Family(
        (
            {"steps": 12, "seed": 1},
            {"steps": 8, "seed": 2, "prompt": LONGER, "guidance_scale": 2.0},
            {"steps": 10, "seed": 3, "true_cfg_scale": 3.0, "negative_prompt": "blue"},
            {"steps": 4, "seed": 4, "width": 64, "sampler": "unipc"},
        ),
        scale=FLUX,
        default=3.5,
    ),
    "qwen-image": Family(guided(), scale="true_cfg_scale", default=4.0),
    # Its own pipeline hands UniPC a list, which it does not take.
    "z-image": Family(guided(off=0.0, sampler="euler"), off=0.0, default=5.0),
    "sana": Family(guided(), options=EXACT_SIZE),
    "pixart-sigma": Family(guided(), options=EXACT_SIZE),
    "lumina2": Family(guided(), default=4.0),
}

SMALL = ("sana", "pixart-sigma", "lumina2")
"""Families that add nothing to the ways in which the others are batched."""

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


def in_png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def made(client: httpx.Client, **asked: Any) -> str:
    """Sends a job, and returns where it is."""
    return client.post(f"{API}/jobs", json=asked).raise_for_status().json()["urls"]["self"]


def picture(client: httpx.Client, job: str) -> np.ndarray[Any, Any]:
    """Waits for a job's picture."""
    until(lambda: client.get(job).json()["status"] in ENDED, 120)
    done = client.get(job).json()
    assert done["status"] == "succeeded", done["error"]
    return pixels(client.get(done["outputs"][0]["url"]).content)


def stock(family: Family, pipeline: Any, asked: Fields) -> np.ndarray[Any, Any]:
    """Diffusers' own picture."""
    asked = {**family.options, **asked}
    scheduler = pipeline.scheduler
    if asked.pop("sampler", None) == "unipc":
        config = scheduler.config
        flow: Fields = {}
        if config.get("prediction_type") != "epsilon":
            flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
            flow["flow_shift"] = config.get("shift", config.get("flow_shift"))
        pipeline.scheduler = UniPCMultistepScheduler.from_config(config, **flow)
    asked["generator"] = torch.Generator().manual_seed(asked.pop("seed"))
    asked["num_inference_steps"] = asked.pop("steps")
    if family.scale == "true_cfg_scale":
        # Without anything to guide away from it would not guide.
        asked["negative_prompt"] = asked["negative_prompt"] or " "
    if family.scale is not FLUX:
        asked[family.scale] = asked.pop("guidance_scale", family.default)
    try:
        return np.asarray(pipeline(**asked).images[0])
    finally:
        pipeline.scheduler = scheduler


def rows(site: Site, model: str) -> tuple[float, float]:
    """Rows of all forwards so far, and how many forwards there were."""
    tree = metrics.read(site.redis).get("forward_rows", {}).get(model, {})
    return tree.get("sum", 0), sum(count for part, count in tree.items() if part != "sum")


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SMALL else []) for name in FAMILIES],
)
def test_jobs_that_come_at_once_share_forwards_and_each_is_diffusers_own_picture(
    site: Site, client: httpx.Client, name: str
):
    family = FAMILIES[name]
    asked = [{**USUAL, **fields} for fields in family.jobs]
    jobs = [made(client, model=name, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    pipeline = AutoPipelineForText2Image.from_pretrained(site.data / name)
    pipeline.set_progress_bar_config(disable=True)
    for fields, ours in zip(asked, pictures, strict=True):
        assert difference(ours, stock(family, pipeline, fields)) <= TOLERANCE, fields
    alone = picture(client, made(client, model=name, **asked[0]))
    assert difference(alone, pictures[0]) <= TOLERANCE
    asked.append(asked[0])
    expected = sum(family.rows(fields) for fields in asked)
    until(lambda: rows(site, name)[0] >= expected)
    total, forwards = rows(site, name)
    assert total == expected
    # Alone it would be one a step.
    assert forwards < 0.8 * sum(fields["steps"] for fields in asked)


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


def test_a_job_shows_previews_and_ends_at_a_cancel(client: httpx.Client):
    long = {**USUAL, "count": 4, "model": "sd3", "steps": 150, "preview_interval": 0.05}
    job = client.post(f"{API}/jobs", json=long).raise_for_status().json()
    with client.stream("GET", job["urls"]["events"]) as stream:
        shown = next(Events(stream.iter_lines()).named("preview"))
    small = np.asarray(Image.open(io.BytesIO(b64decode(shown["data"]["image"].split(",")[-1]))))
    assert small.shape[2] == 3
    assert small.std() > 5
    client.post(job["urls"]["cancel"]).raise_for_status()
    until(lambda: client.get(job["urls"]["self"]).json()["status"] in ENDED)
    done = client.get(job["urls"]["self"]).json()
    assert (done["status"], done["outputs"]) == ("canceled", [])


def test_a_masked_picture_of_sd3_is_diffusers_own_but_for_the_shift_that_it_leaves_out(
    site: Site, client: httpx.Client
):
    """Its inpainting pipeline encodes with the autoencoder's shift and decodes without."""
    start, mask = scene(32, 32), Image.new("L", (32, 32))
    mask.paste(255, (16, 0, 32, 32))
    asked: Fields = {"prompt": "a red apple", "strength": 0.8, "guidance_scale": 5.0}
    files = {"image": in_png(start), "mask": in_png(mask)}
    fields = {"kind": "inpaint", "model": "sd3", "steps": 10, "seed": 3, "mask_blur": 0} | asked
    answer = client.post(f"{API}/jobs", data={"request": json.dumps(fields)}, files=files)
    ours = picture(client, answer.raise_for_status().json()["urls"]["self"])
    pipe = AutoPipelineForInpainting.from_pretrained(site.data / "sd3")
    pipe.set_progress_bar_config(disable=True)
    latents = pipe(
        image=start,
        mask_image=mask,
        width=32,
        height=32,
        num_inference_steps=10,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
        **asked,
    ).images
    with torch.inference_mode():
        scaled = latents / pipe.vae.config.scaling_factor
        theirs = {
            shift: pipe.image_processor.postprocess(
                pipe.vae.decode(scaled + shift, return_dict=False)[0]
            )[0]
            for shift in (pipe.vae.config.shift_factor, 0.0)
        }
    painted = np.asarray(mask) == 255
    far = {
        shift: np.abs(np.asarray(each)[painted].astype(int) - ours[painted]).max()
        for shift, each in theirs.items()
    }
    assert far[pipe.vae.config.shift_factor] <= TOLERANCE
    assert far[0.0] > TOLERANCE
