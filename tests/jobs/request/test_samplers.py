"""The names that a sampler and a schedule go by."""

from __future__ import annotations

import pytest

from jobs.request.model_card import ModelCard
from jobs.request.request import GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from jobs.request.samplers import (
    SAMPLERS,
    SCHEDULES,
    canonical_sampler,
    canonical_schedule,
    schedule_problem,
    split_sampler,
)


@pytest.mark.parametrize("info", SAMPLERS.values(), ids=lambda info: info.name)
def test_a_sampler_answers_to_its_name_its_title_and_its_aliases_in_any_case(info):
    for name in (info.name, info.title, *info.aliases):
        assert canonical_sampler(f" {name.upper()} ") == info.name


@pytest.mark.parametrize("info", SCHEDULES.values(), ids=lambda info: info.name)
def test_a_schedule_answers_to_its_name_its_label_and_its_aliases_in_any_case(info):
    for name in (info.name, info.label, *info.aliases):
        assert canonical_schedule(f" {name.upper()} ") == info.name


def test_no_two_samplers_share_a_name():
    names = [name for info in SAMPLERS.values() for name in {info.name, info.title.lower()}]
    names += [alias for info in SAMPLERS.values() for alias in info.aliases]
    assert len(names) - len(set(names)) == sum(
        info.title.lower() in info.aliases for info in SAMPLERS.values()
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("DPM++ 2M", ("dpmpp_2m", None)),
        ("DPM++ 2M Karras", ("dpmpp_2m", "karras")),
        ("dpm++ 2m sde exponential", ("dpmpp_2m_sde", "exponential")),
        ("DPM++ 2M SDE Heun Karras", ("dpmpp_2m_sde_heun", "karras")),
        ("Euler SGM Uniform", ("euler", "sgm_uniform")),
        ("dpmpp_2m_karras", ("dpmpp_2m", "karras")),
        ("k_dpmpp_2m_ka", ("dpmpp_2m", "karras")),
        ("k_dpmpp_3m_sde_exp", ("dpmpp_3m_sde", "exponential")),
        ("DDIM", ("ddim", None)),
        ("Euler a Karras", None),
        ("Karras", None),
        ("DPM++ 2MKarras", None),
        ("", None),
    ],
)
def test_a_schedule_at_the_end_of_a_name_is_taken_apart_where_the_sampler_takes_it(name, parts):
    assert split_sampler(name) == parts


def test_a_name_with_a_schedule_keeps_it_however_often_it_is_made_canonical():
    once = canonical_sampler("DPM++ 2M Karras")
    assert once == "dpmpp_2m_karras"
    assert canonical_sampler(once) == once


@pytest.mark.parametrize(
    ("sampler", "schedule", "problem"),
    [
        ("euler", "Karras", None),
        ("dpmpp_2m_karras", "automatic", None),
        ("lcm", "AUTOMATIC", None),
        ("lcm", "karras", "the sampler lcm has its own and takes none; leave it out"),
        ("pndm", "karras", "the sampler pndm takes automatic, ddim, not karras"),
        ("euler", "nonsense", "no schedule is named 'nonsense'; there are automatic, karras"),
    ],
)
def test_what_a_sampler_cannot_take_is_said_with_what_it_can(sampler, schedule, problem):
    said = schedule_problem(sampler, schedule)
    assert (said or "")[: len(problem or "")] == (problem or "")
    assert (said is None) is (problem is None)


def test_automatic_is_the_first_schedule_of_every_sampler_and_never_one_it_refuses():
    for info in SAMPLERS.values():
        assert info.schedules[0] == "automatic"
        assert info.automatic in info.schedules


def test_options_are_strings_for_the_clients_that_check():
    assert SAMPLERS["dpmpp_sde"].options == {"scheduler": "karras", "second_order": "True"}
    assert SAMPLERS["euler"].options == {}


CARD = ModelCard(
    name="small",
    title="Small",
    family="sd1",
    width=64,
    height=64,
    factor=8,
    steps=20,
    guidance_scale=5.0,
    sampler="euler",
    schedule="sgm_uniform",
    window=77,
    samplers=list(SAMPLERS),
)


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ({}, ("euler", "sgm_uniform")),
        ({"sampler": "Euler"}, ("euler", "sgm_uniform")),
        ({"sampler": "DPM++ 2M Karras"}, ("dpmpp_2m", "karras")),
        ({"sampler": "dpmpp_2m_karras", "schedule": "Beta"}, ("dpmpp_2m", "beta")),
        ({"sampler": "k_dpmpp_2m", "schedule": "Automatic"}, ("dpmpp_2m", "automatic")),
        ({"schedule": "SGM Uniform"}, ("euler", "sgm_uniform")),
        ({"schedule": "Karras"}, ("euler", "karras")),
    ],
)
def test_a_request_is_resolved_to_one_sampler_and_one_schedule(asked, resolved):
    request = resolve(GenerationRequest(prompt="x", **asked), [CARD])
    assert (request.sampler, request.schedule) == resolved


def test_a_schedule_that_the_sampler_does_not_take_is_refused_at_its_field():
    with pytest.raises(InvalidRequest) as refused:
        resolve(GenerationRequest(prompt="x", sampler="lcm", schedule="karras"), [CARD])
    assert [error.pointer for error in refused.value.errors] == ["/schedule"]
