"""What is refused, and what is filled in."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from jobs.request.fields.values import SEEDS
from jobs.request.model_card import ModelCard
from jobs.request.request import GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve


def test_what_is_left_out_follows_the_model(card):
    got = resolve(GenerationRequest(prompt="red apple"), [card])
    assert (got.model, got.width, got.height) == ("emoji", 128, 128)
    assert (got.steps, got.guidance_scale, got.sampler) == (30, 4.0, "pndm")


def test_a_guidance_of_zero_is_not_taken_for_left_out(card):
    assert resolve(GenerationRequest(prompt="x", guidance_scale=0), [card]).guidance_scale == 0


def test_a_missing_seed_is_drawn_anew_for_each_request(card):
    seeds = {resolve(GenerationRequest(prompt="x"), [card]).seed for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < SEEDS for seed in seeds)


def test_each_picture_has_the_next_seed_and_the_last_one_wraps(card):
    got = resolve(GenerationRequest(prompt="x", seed=SEEDS - 1, count=3), [card])
    assert [got.image_seed(i) for i in range(3)] == [SEEDS - 1, 0, 1]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": "x" * 10_001}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"steps": 0}, "steps"),
        ({"steps": 151}, "steps"),
        ({"steps": "20"}, "steps"),
        ({"steps": True}, "steps"),
        ({"guidance_scale": math.nan}, "guidance_scale"),
        ({"guidance_scale": math.inf}, "guidance_scale"),
        ({"guidance_scale": -1}, "guidance_scale"),
        ({"seed": -1}, "seed"),
        ({"seed": SEEDS}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"count": 17}, "count"),
        ({"width": 4096}, "width"),
        ({"sampler": "magic"}, "sampler"),
        ({"priority": "now"}, "priority"),
        ({"kind": "video"}, "kind"),
        ({"metadata": {"x": "y" * 5000}}, "metadata"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_name(fields, field):
    with pytest.raises(ValidationError) as refused:
        GenerationRequest(**{"prompt": "x"} | fields)
    assert [error["loc"][0] for error in refused.value.errors()] == [field]


def test_an_unknown_sampler_is_told_which_there_are():
    with pytest.raises(ValidationError, match="there are dpmpp_2m, dpmpp_sde, "):
        GenerationRequest(prompt="x", sampler="magic")


def test_a_sampler_may_go_by_its_other_names(card):
    assert GenerationRequest(prompt="x", sampler="PLMS").sampler == "pndm"


@pytest.mark.parametrize(("asked", "nearest"), [(100, 96), (130, 128), (33, 32), (17, 32), (8, 32)])
def test_a_size_that_does_not_divide_is_told_the_nearest_that_does(card, asked, nearest):
    with pytest.raises(InvalidRequest) as refused:
        resolve(GenerationRequest(prompt="x", width=asked), [card])
    (error,) = refused.value.errors
    assert error.pointer == "/width"
    assert error.detail.endswith(f"the nearest is {nearest}")


def test_both_sides_are_told_at_once(card):
    with pytest.raises(InvalidRequest) as refused:
        resolve(GenerationRequest(prompt="x", width=100, height=100), [card])
    assert [error.pointer for error in refused.value.errors] == ["/width", "/height"]


def test_an_unknown_model_is_told_which_there_are(card):
    with pytest.raises(InvalidRequest, match="no model is named 'dall-e'; there are: emoji"):
        resolve(GenerationRequest(prompt="x", model="dall-e"), [card])


def test_without_a_default_the_first_model_is_taken(card):
    other = card.model_copy(update={"default": False, "name": "other"})
    assert resolve(GenerationRequest(prompt="x"), [other]).model == "other"


def test_a_resolved_request_survives_json(card: ModelCard):
    got = resolve(GenerationRequest(prompt="été ☀", metadata={"a": [1, None]}), [card])
    assert type(got).model_validate_json(got.model_dump_json()) == got
