"""Whole pipelines: the picture that diffusers makes, and what each says of itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from tests.engine.whole.helpers import (
    GUIDED,
    REQUEST,
    SIZES,
    asked,
    developed,
    directly,
    open_whole,
)
from worker.engine import (
    InvalidRequest,
    ModelUnavailable,
)
from worker.engine.whole.pipeline import WholeModel
from worker.engine.whole.run import WholeRun

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own DPM-Solver.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# The same picture


def test_the_picture_is_the_one_that_the_pipeline_makes_when_called_directly(kind, models, folders):
    arguments = GUIDED.get(kind, {"guidance_scale": 5.0})
    expected = directly(open_whole(folders[kind]), SIZES[kind], **arguments)
    made = developed(models[kind], asked(kind))
    assert made.dtype == np.uint8
    assert np.array_equal(made, expected)


def test_a_negative_prompt_reaches_the_pipeline(model, folders):
    expected = directly(open_whole(folders["sd3"]), guidance_scale=5.0, negative_prompt="flat")
    made = developed(model, replace(REQUEST, negative_prompt="flat"))
    assert np.array_equal(made, expected)
    assert not np.array_equal(made, developed(model, REQUEST))


def test_a_negative_prompt_that_a_pipeline_cannot_take_is_left_out(models):
    for kind in ("lcm", "flux"):
        assert not models[kind].takes_negative_prompt
        made = developed(models[kind], asked(kind, negative_prompt="flat"))
        assert np.array_equal(made, developed(models[kind], asked(kind)))


def test_the_distilled_scale_of_flux_is_its_guidance_scale(models, folders):
    expected = directly(open_whole(folders["flux"]), guidance_scale=2.0)
    assert np.array_equal(developed(models["flux"], asked("flux", guidance_scale=2.0)), expected)


def test_two_runs_one_after_the_other_know_nothing_of_each_other(kind, models, folders):
    first = developed(models[kind], asked(kind))
    other = developed(models[kind], asked(kind, seed=2, steps=3, guidance_scale=1.0))
    again = developed(models[kind], asked(kind))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_scheduler_is_left_as_it_was(model):
    before = dict(vars(model.pipeline.scheduler))
    developed(model, REQUEST)
    assert vars(model.pipeline.scheduler).keys() == before.keys()


# What it says of itself


def test_it_knows_its_multiples_its_window_and_its_weights(models):
    assert {kind: models[kind].factor for kind in models} == {
        "sd3": 4,
        "flux": 4,
        "pixart": 16,
        "lcm": 2,
        "qwen": 8,
    }
    assert {kind: models[kind].latent_channels for kind in models} == {
        "sd3": 16,
        "flux": 16,
        "pixart": 4,
        "lcm": 4,
        "qwen": 4,
    }
    assert models["sd3"].window == 256
    assert models["lcm"].window == 77
    assert models["flux"].family == "FluxPipeline"
    for model in models.values():
        expected = {id(one) for one in model.modules()}
        named = ("transformer", "unet", "vae", "text_encoder")
        parts = [getattr(model.pipeline, name, None) for name in named]
        assert {id(part) for part in parts if part is not None} <= expected


# The pipeline of latent consistency models asks for multiples of 8 even where its own are 2.
@pytest.mark.parametrize("kind", ["sd3", "flux", "pixart", "qwen"])
def test_every_multiple_of_the_factor_is_a_size_that_it_makes(kind, models):
    model = models[kind]
    width, height = SIZES[kind] + model.factor, SIZES[kind] - model.factor
    made = developed(model, replace(REQUEST, width=width, height=height, steps=2))
    assert made.shape == (height, width, 3)


# What it refuses


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"width": 18}, "width: 18 is not a multiple of 4; the nearest is 16"),
        ({"height": 0}, "height: 0 is not a multiple of 4; the nearest is 4"),
        ({"steps": 0}, "steps"),
        ({"sampler": "euler"}, "sampler"),
        ({"clip_skip": 2}, "clip_skip"),
        ({"guidance_rescale": 0.5}, "guidance_rescale"),
        ({"fill": "noise"}, "fill"),
    ],
)
def test_what_the_pipeline_would_not_do_is_refused_at_once(model, fields, field):
    with pytest.raises(InvalidRequest, match=field):
        WholeRun(model, replace(REQUEST, **fields))
    assert not model.busy


def test_a_pipeline_without_a_prompt_is_no_model(folders):
    lcm = open_whole(folders["lcm"])
    pipeline = DDPMPipeline(unet=lcm.unet, scheduler=DDPMScheduler())
    with pytest.raises(ModelUnavailable, match="noise is a DDPMPipeline"):
        WholeModel("noise", pipeline, torch.device("cpu"), torch.float32)
