"""Every sampler against stock diffusers, with the same noise."""

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler

from jobs.samplers import SAMPLERS as NAMED_SAMPLERS
from tests.engine.helpers import Shelf, difference, load, open_pipeline, picture, tiny
from worker.engine import TOLERANCE, Engine, ImageRequest, InvalidRequest
from worker.engine.sampler import SAMPLERS, make_sampler


@cache
def stock(folder: Path) -> tuple[Any, Any]:
    """Diffusers' own pipeline, and the config of the scheduler that it came with."""
    pipeline: Any = open_pipeline(folder)
    return pipeline, pipeline.scheduler.config


def stock_picture(folder, request: ImageRequest, **config) -> np.ndarray:
    """The picture that diffusers' own pipeline makes of the request."""
    pipeline, scheduler_config = stock(folder)
    recipe = SAMPLERS[request.sampler]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        pipeline.scheduler = recipe.scheduler.from_config(
            scheduler_config, **recipe.overrides, **config
        )
        image = pipeline(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator().manual_seed(request.seed),
            output_type="np",
        ).images[0]
    return (image * 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_makes_the_picture_of_stock_diffusers(name, shipped_folder, shipped_model):
    request = ImageRequest("shipped", "red apple", "blue", 128, 128, 4, 5.0, 7, name)
    ours = picture(Engine(Shelf(shipped_model)), request)
    assert difference(ours, stock_picture(shipped_folder, request)) <= TOLERANCE


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_agrees_with_diffusers_at_very_few_steps(name, steps, tiny_folder, engine):
    request = tiny(sampler=name, steps=steps)
    assert difference(picture(engine, request), stock_picture(tiny_folder, request)) <= TOLERANCE


@pytest.mark.parametrize("name", ["ddim", "euler", "dpmpp_2m"])
def test_a_model_that_predicts_velocity_agrees_with_diffusers(name, tiny_folder):
    model = load("tiny", tiny_folder)
    model.scheduler_config = {**model.scheduler_config, "prediction_type": "v_prediction"}
    request = tiny(sampler=name)
    expected = stock_picture(tiny_folder, request, prediction_type="v_prediction")
    assert difference(picture(Engine(Shelf(model)), request), expected) <= TOLERANCE


def test_the_api_and_the_engine_name_the_same_samplers():
    assert set(SAMPLERS) == set(NAMED_SAMPLERS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_tells_nobody_else_its_state(name, engine):
    alone = picture(engine, tiny(sampler=name))
    engine.add("other", tiny(sampler=name, seed=2, steps=7))
    for _ in range(3):
        engine.step()
    assert difference(picture(engine, tiny(sampler=name)), alone) <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "lcm"])
def test_a_sampler_walks_the_most_steps_it_takes_to_the_end(name, tiny_model):
    sampler = make_sampler(name, tiny_model.scheduler_config, 998)
    latents, generator = torch.ones(1, 4, 2, 2), torch.Generator()
    with torch.inference_mode():
        while not sampler.done:
            latents = sampler.step(sampler.scale(latents), latents, generator)
    assert latents.isfinite().all()


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [
        ("lcm", 51, "steps: lcm takes 1 to 50 with this model, not 51."),
        ("euler", 0, "steps: euler takes 1 to 998 with this model, not 0."),
        ("euler", 999, "steps: euler takes 1 to 998 with this model, not 999."),
        ("magic", 4, "sampler: 'magic' is unknown; there are pndm, ddim, lms"),
    ],
)
def test_what_a_sampler_cannot_do_is_said_with_field_and_limit(name, steps, message, tiny_model):
    with pytest.raises(InvalidRequest, match=message.replace(".", r"\.")):
        make_sampler(name, tiny_model.scheduler_config, steps)


def test_lms_coefficients_are_those_of_diffusers(tiny_model):
    fast = make_sampler("lms", tiny_model.scheduler_config, 10)._scheduler
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        stock_lms: Any = LMSDiscreteScheduler.from_config(tiny_model.scheduler_config)
        stock_lms.set_timesteps(10)
    for order in range(1, 5):
        for current in range(order):
            expected = stock_lms.get_lms_coefficient(order, 5, current)
            assert fast.get_lms_coefficient(order, 5, current) == pytest.approx(expected, 1e-4)


def test_noise_of_an_ancestral_sampler_comes_from_the_seed(engine):
    request = tiny(sampler="euler_a")
    assert difference(picture(engine, request), picture(engine, replace(request, seed=2))) > 10
