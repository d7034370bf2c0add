"""Sana Sprint walks by its own scheduler, in shared forwards, and its PNGs are diffusers' own."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.sana.pipeline_sana_sprint import SanaSprintPipeline
from diffusers.pipelines.sana.pipeline_sana_sprint_img2img import SanaSprintImg2ImgPipeline

from tests.engine.helpers import difference
from tests.features.development import photograph
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import (
    USUAL,
    Fields,
    Pixels,
    made,
    picture,
    rows_since,
    settled,
)
from tests.worker.families.comparing.page import Figures
from tests.worker.families.conftest import SPRINT
from worker.engine import TOLERANCE

JOBS: tuple[Fields, ...] = (
    {"seed": 1},
    {"seed": 2, "steps": 1, "guidance_scale": 2.0},
    {"seed": 3, "steps": 4, "prompt": "a cat face, 3d, a green heart"},
    {"seed": 4, "steps": 6, "kind": "image-to-image", "image": photograph(32), "strength": 0.5},
)


def stock(pipelines: dict[str, Any], asked: Fields) -> Pixels:
    """Diffusers' own picture of a job."""
    steps = asked.get("steps", 2)
    drawn_over = {name: asked[name] for name in ("image", "strength") if name in asked}
    call = {
        "prompt": asked["prompt"],
        "width": 32,
        "height": 32,
        "num_inference_steps": steps,
        "guidance_scale": asked.get("guidance_scale", 4.5),
        "intermediate_timesteps": 1.3 if steps == 2 else None,
        "use_resolution_binning": False,
        "clean_caption": False,
        "generator": torch.Generator().manual_seed(asked["seed"]),
    }
    pipeline = pipelines[asked.get("kind", "text-to-image")]
    return np.asarray(pipeline(**call, **drawn_over).images[0])


@pytest.mark.slow
def test_few_steps_of_sana_sprint_share_forwards_and_are_diffusers_own(
    site: Site, client: httpx.Client, figures: dict[str, Figures]
):
    [card] = [m for m in client.get(f"{API}/models").json()["models"] if m["name"] == SPRINT]
    assert (card["steps"], card["samplers"], card["guidance_scale"]) == (2, ["default"], 4.5)
    asked = [USUAL | fields for fields in JOBS]
    before = settled(client, SPRINT)
    with site.worker.held():
        jobs = [made(client, model=SPRINT, **fields) for fields in asked]
    pictures = [picture(client, job) for job in jobs]
    total, forwards = rows_since(client, SPRINT, before, 10)
    assert total == 10
    assert forwards < 10
    pipeline = SanaSprintPipeline.from_pretrained(site.data / SPRINT)
    others = SanaSprintImg2ImgPipeline.from_pipe(pipeline)
    pipelines = {"text-to-image": pipeline, "image-to-image": others}
    for each in pipelines.values():
        each.set_progress_bar_config(disable=True)
    apart: list[int] = []
    for fields, ours in zip(asked, pictures, strict=True):
        assert ours.std() > 5
        apart.append(difference(ours, stock(pipelines, fields)))
        assert apart[-1] <= TOLERANCE, fields["seed"]
    steps = tuple(fields.get("steps", 2) for fields in asked)
    figures[SPRINT] = Figures(
        steps, int(total), int(forwards), max(apart), None, tuple(card["kinds"])
    )


def test_another_sampler_is_refused_with_the_one_that_it_has(client: httpx.Client):
    answer = client.post(f"{API}/jobs", json={**USUAL, "model": SPRINT, "sampler": "euler"})
    assert answer.status_code == 422
    assert "default" in answer.text
