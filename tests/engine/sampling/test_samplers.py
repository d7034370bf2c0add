"""Every sampler's pictures against those of stock diffusers, with the same noise."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from PIL import Image

from tests.engine.helpers import Shelf, difference, load, open_pipeline, picture, tiny
from tests.engine.sampling.stock_schedulers import quiet, stock_scheduler
from worker.engine import TOLERANCE, Engine, ImageRequest
from worker.engine.sampling.recipes import SAMPLERS

QUICK = ("ddim", "dpmpp_2m", "dpmpp_sde", "euler_a", "lms", "pndm", "unipc")
PICTURES = [
    pytest.param(name, schedule, marks=[] if by_default else pytest.mark.slow)
    for number, (name, recipe) in enumerate(SAMPLERS.items())
    for which, schedule in enumerate(("automatic", recipe.schedules[-1]))
    for by_default in [name in QUICK[::2] and number % 2 == which]
]
"""Each sampler with its own schedule and with another, some by default, in turn with the one or the
other: `test_walks.py` walks every sampler with every schedule."""

SOME_BY_DEFAULT = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SAMPLERS
]
"""One sampler of each way to walk by default, and all of them in the slow run."""


@cache
def stock(folder: Path) -> tuple[Any, Any]:
    """Diffusers' own pipeline, and the config of the scheduler that it came with."""
    pipeline: Any = open_pipeline(folder)
    return pipeline, pipeline.scheduler.config


def stock_picture(folder: Path, request: ImageRequest, **config: Any) -> np.ndarray:
    """The picture that diffusers' own pipeline makes of the request."""
    pipeline, scheduler_config = stock(folder)
    size = {"width": request.width, "height": request.height}
    if request.image is not None:
        parts = pipeline.components
        pipeline = StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        size = {"image": Image.fromarray(request.image), "strength": request.strength}
    # TCD's own default; a pipeline passes 0 where it is not told.
    extra = {"eta": 0.3} if request.sampler == "tcd" else {}
    with quiet():
        pipeline.scheduler = stock_scheduler(
            request.sampler, request.schedule, scheduler_config, seed=request.seed, **config
        )
        image = pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator().manual_seed(request.seed),
            output_type="np",
            **size,
            **extra,
        ).images[0]
    return (image * 255).round().astype(np.uint8)


@pytest.mark.parametrize(("name", "schedule"), PICTURES)
def test_a_sampler_makes_the_picture_of_stock_diffusers(
    name, schedule, shipped_folder, shipped_model
):
    request = ImageRequest("shipped", "red apple", "blue", 32, 32, 5, 5.0, 7, name, schedule)
    ours = picture(Engine(Shelf(shipped_model)), request)
    assert difference(ours, stock_picture(shipped_folder, request)) <= TOLERANCE


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    "name", [each for each in SOME_BY_DEFAULT if each.values != ("dpmpp_sde",)]
)
def test_a_sampler_agrees_with_diffusers_at_very_few_steps(name, steps, tiny_folder, engine):
    request = tiny(sampler=name, steps=steps)
    assert difference(picture(engine, request), stock_picture(tiny_folder, request)) <= TOLERANCE


@pytest.mark.parametrize("name", [each for each in SOME_BY_DEFAULT if each.values != ("lms",)])
def test_image_to_image_starts_where_stock_diffusers_does(name, tiny_folder, engine):
    start = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    request = tiny(sampler=name, steps=6, image=start, strength=0.6)
    assert difference(picture(engine, request), stock_picture(tiny_folder, request)) <= TOLERANCE


@pytest.mark.parametrize("name", ["ddim", "euler", "dpmpp_2m"])
def test_a_model_that_predicts_velocity_agrees_with_diffusers(name, tiny_folder):
    model = load("tiny", tiny_folder)
    model.scheduler_config = {**model.scheduler_config, "prediction_type": "v_prediction"}
    request = tiny(sampler=name)
    expected = stock_picture(tiny_folder, request, prediction_type="v_prediction")
    assert difference(picture(Engine(Shelf(model)), request), expected) <= TOLERANCE


@pytest.mark.parametrize("name", SOME_BY_DEFAULT)
def test_a_sampler_tells_nobody_else_its_state(name, engine):
    alone = picture(engine, tiny(sampler=name))
    engine.add("other", tiny(sampler=name, seed=2, steps=7))
    for _ in range(3):
        engine.step()
    assert difference(picture(engine, tiny(sampler=name)), alone) <= TOLERANCE


@pytest.mark.parametrize("name", ["euler_a", "dpmpp_sde", "dpmpp_2m_sde", "ddpm", "lcm"])
def test_noise_of_a_stochastic_sampler_comes_from_the_seed_alone(name, engine):
    request = tiny(sampler=name)
    first = picture(engine, request)
    torch.manual_seed(99)
    assert difference(picture(engine, request), first) == 0
    assert difference(picture(engine, replace(request, seed=2)), first) > 10
