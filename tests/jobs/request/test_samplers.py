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
    nearest,
    split_sampler,
)

A1111_SAMPLERS = (
    *("DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE"),
    *("Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast", "DPM adaptive", "Restart"),
    *("DDIM", "DDIM CFG++", "PLMS", "UniPC", "LCM"),
)
A1111_SCHEDULES = (
    *("Automatic", "Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform"),
    *("KL Optimal", "Align Your Steps", "Simple", "Normal", "DDIM", "Beta"),
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
        ("Euler a Karras", ("euler_a", "karras")),
        ("Karras", None),
        ("DPM++ 2MKarras", None),
        ("", None),
    ],
)
def test_a_schedule_at_the_end_of_a_name_is_taken_apart(name, parts):
    assert split_sampler(name) == parts


def test_a_name_with_a_schedule_keeps_it_however_often_it_is_made_canonical():
    once = canonical_sampler("DPM++ 2M Karras")
    assert once == "dpmpp_2m_karras"
    assert canonical_sampler(once) == once


@pytest.mark.parametrize(
    ("asked", "used", "said"),
    [
        (("euler", "karras"), ("euler", "karras"), []),
        (("lcm", "karras"), ("lcm", "automatic"), ["lcm does not go by karras; the schedule is"]),
        (("euler_a", "karras"), ("euler_a", "automatic"), ["euler_a does not go by karras"]),
        (("dpmpp_2s_a", "simple"), ("dpmpp_2s_a", "uniform"), ["uniform is the nearest"]),
        (("restart", "karras"), ("heun", "karras"), ["restart is not made here; heun is"]),
        (("euler", "kl_optimal"), ("euler", "exponential"), ["kl_optimal is not made here"]),
        (("ddim_cfg_pp", "karras"), ("ddim", "automatic"), ["ddim_cfg_pp is not", "ddim does not"]),
        (("default", "karras"), ("default", "karras"), []),
    ],
)
def test_of_a_pair_that_does_not_exist_the_nearest_is_used_and_said(asked, used, said):
    pair = nearest(*asked)
    assert (pair.sampler, pair.schedule) == used
    notes = [note for note in (pair.sampler_note, pair.schedule_note) if note]
    assert len(notes) == len(said)
    for note, part in zip(notes, said, strict=True):
        assert part in note


def test_every_pair_of_automatic1111s_lists_is_taken_by_its_labels():
    for sampler in A1111_SAMPLERS:
        for schedule in A1111_SCHEDULES:
            request = GenerationRequest(prompt="x", sampler=sampler, schedule=schedule)
            made = resolve(request, [CARD])
            assert made.schedule in SAMPLERS[made.sampler].schedules, (sampler, schedule)


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


def test_a_schedule_that_nobody_has_is_refused_at_its_field():
    with pytest.raises(InvalidRequest) as refused:
        resolve(GenerationRequest(prompt="x", sampler="lcm", schedule="nonsense"), [CARD])
    assert [error.pointer for error in refused.value.errors] == ["/schedule"]
