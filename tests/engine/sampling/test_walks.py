"""Every sampler's steps against those of stock diffusers' schedulers, on made-up predictions."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.mochi.pipeline_mochi import linear_quadratic_schedule
from diffusers.schedulers.scheduling_ipndm import IPNDMScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler

from jobs.request.samplers import FLOW_SCHEDULES as NAMED_FLOW_SCHEDULES
from jobs.request.samplers import SAMPLERS as NAMED_SAMPLERS
from tests.engine.sampling.stock_schedulers import quiet, stock_flow, stock_scheduler
from worker.engine import InvalidRequest
from worker.engine.sampling.flow import FLOW_SCHEDULES, Course, make_flow_sampler
from worker.engine.sampling.recipes import SAMPLERS
from worker.engine.sampling.sampler import Sampler, make_sampler
from worker.engine.sampling.solvers import FloatLMSDiscreteScheduler
from worker.engine.sampling.walk import Walk

QUICK = ("ddim", "dpmpp_2m", "euler")
"""Whose thousand steps are walked each time; those of the others take a second each and more."""

ALIKE = {"simple": "sgm_uniform", "normal": "uniform"}
COMBINATIONS = [
    pytest.param(name, schedule, marks=[pytest.mark.slow] * bool((number + which) % 3))
    for number, (name, recipe) in enumerate(SAMPLERS.items())
    for which, schedule in enumerate(each for each in recipe.schedules if each not in ALIKE)
]
"""Every third schedule of each sampler by default, and every third sampler of each schedule."""

CONFIG: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
}
ZERO_SNR = {
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
}
SHAPE = (1, 4, 4, 4)


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def predicted(scaled: torch.Tensor, timestep: float) -> torch.Tensor:
    """What stands in for a UNet where only the sampler's arithmetic is asked about."""
    return torch.tanh(scaled) + 0.1 * np.sin(timestep)


@quiet()
def stock_walk(scheduler: Any, steps: int, strength: float) -> list[torch.Tensor]:
    """Diffusers' loop of inpainting with half of a mask: the latents after each step."""
    original, noise, generator = drawn(1), drawn(2), torch.Generator().manual_seed(3)
    scheduler.set_timesteps(steps)
    start = steps - min(int(steps * strength), steps)
    timesteps = scheduler.timesteps[start * scheduler.order :]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start * scheduler.order)
    latents = scheduler.add_noise(original, noise, timesteps[:1])
    takes_generator = "generator" in scheduler.step.__code__.co_varnames
    extra = {"generator": generator} if takes_generator else {}
    walked: list[torch.Tensor] = []
    for index, timestep in enumerate(timesteps):
        output = predicted(scheduler.scale_model_input(latents, timestep), float(timestep))
        latents = scheduler.step(output, timestep, latents, return_dict=False, **extra)[0]
        kept = original
        if index < len(timesteps) - 1:
            kept = scheduler.add_noise(original, noise, timesteps[index + 1 : index + 2])
        latents = torch.cat([kept[..., :2], latents[..., 2:]], dim=-1)
        walked.append(latents)
    return walked


def walk(sampler: Sampler) -> list[torch.Tensor]:
    """The same with a sampler of ours."""
    original, noise, generator = drawn(1), drawn(2), torch.Generator().manual_seed(3)
    latents = sampler.begin(noise, original)
    walked: list[torch.Tensor] = []
    while not sampler.done:
        output = predicted(sampler.scale(latents), sampler.timestep)
        latents = sampler.step(output, latents, generator)
        kept = sampler.noised(original, noise)
        latents = torch.cat([kept[..., :2], latents[..., 2:]], dim=-1)
        walked.append(latents)
    return walked


@pytest.mark.parametrize(("name", "schedule"), COMBINATIONS)
def test_every_schedule_is_walked_and_blended_as_in_stock_diffusers(name, schedule):
    scheduler = stock_scheduler(name, schedule, CONFIG, seed=9)
    for strength in (1.0, 0.55):
        if name == "lms" and strength < 1:
            continue  # diffusers' begins with the coefficients of a history that it does not have
        expected = stock_walk(scheduler, 7, strength)
        sampler = make_sampler(name, CONFIG, 7, schedule=schedule, strength=strength, seed=9)
        assert len(sampler) == len(expected)
        for ours, theirs in zip(walk(sampler), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("one", "other"), ALIKE.items())
def test_two_schedules_that_diffusers_has_one_word_for_are_the_same(one, other):
    for recipe in SAMPLERS.values():
        assert (one in recipe.schedules) is (other in recipe.schedules)
        assert recipe.options(CONFIG, one) == recipe.options(CONFIG, other)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        pytest.param(
            name,
            schedule,
            marks=[] if name in QUICK or schedule == "squaredcos_cap_v2" else pytest.mark.slow,
        )
        for name in SAMPLERS
        for schedule in ("linear", "scaled_linear", "squaredcos_cap_v2")
    ],
)
def test_the_noise_of_the_models_own_config_is_what_is_walked(name, schedule):
    config = {**CONFIG, "beta_schedule": schedule, "prediction_type": "v_prediction"}
    expected = stock_walk(stock_scheduler(name, "automatic", config, seed=9), 6, 1.0)
    ours = walk(make_sampler(name, config, 6, seed=9))
    torch.testing.assert_close(ours[-1], expected[-1], rtol=5e-3, atol=5e-3)


def perfect(sampler: Sampler, kind: str, picture: torch.Tensor) -> Callable[..., torch.Tensor]:
    """A UNet that knows the picture and says it in the way that its model was trained to."""

    def predict(scaled: torch.Tensor, timestep: float) -> torch.Tensor:
        signal = sampler._signal(timestep)
        noise = (scaled - signal**0.5 * picture) / (1 - signal) ** 0.5
        velocity = signal**0.5 * noise - (1 - signal) ** 0.5 * picture
        return {"epsilon": noise, "v_prediction": velocity, "sample": picture}[kind]

    return predict


@pytest.mark.parametrize("steps", [1, 2])
def test_dpmpp_sde_walks_where_its_noise_has_no_interval_to_come_from(steps):
    sampler = make_sampler("dpmpp_sde", CONFIG, steps)
    assert all(latents.isfinite().all() for latents in walk(sampler))


@pytest.mark.parametrize(
    "changes",
    [{}, {"prediction_type": "v_prediction"}, {"prediction_type": "sample"}, ZERO_SNR],
    ids=["epsilon", "velocity", "sample", "zero terminal SNR"],
)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_perfect_prediction_ends_in_the_picture(name, changes):
    config = {**CONFIG, **changes}
    kind = config["prediction_type"]
    if kind == "sample" and not SAMPLERS[name].predicts_sample:
        with pytest.raises(InvalidRequest, match=f"sampler: {name} takes no model that"):
            make_sampler(name, config, 8)
        return
    for strength in (1.0, 0.4):
        sampler = make_sampler(name, config, 8, strength=strength)
        clean, latents = drawn(1), sampler.begin(drawn(2), drawn(1))
        predict, generator = perfect(sampler, kind, clean), torch.Generator().manual_seed(3)
        while not sampler.done:
            scaled, timestep = sampler.scale(latents), sampler.timestep
            output = predict(scaled, timestep)
            torch.testing.assert_close(
                sampler.denoised(scaled, output, timestep), clean, rtol=0, atol=1e-2
            )
            latents = sampler.step(output, latents, generator)
        # What stays is the noise of the schedule's last level, which PLMS in image-to-image ends
        # above.
        torch.testing.assert_close(latents, clean, rtol=0, atol=0.4 if name == "pndm" else 0.12)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_signal_of_zero_gives_no_nan_in_a_preview(kind):
    sampler = make_sampler("ddim", {**CONFIG, **ZERO_SNR, "prediction_type": kind}, 4)
    assert sampler.timestep == 999
    assert sampler.denoised(drawn(1), drawn(2), 999.0).isfinite().all()


def test_the_lists_of_the_api_and_of_the_engine_are_the_same():
    assert [
        (
            *(name, recipe.automatic, recipe.schedules, recipe.scheduler.order == 2),
            recipe.flow is not None,
        )
        for name, recipe in SAMPLERS.items()
    ] == [
        (info.name, info.automatic, info.schedules, info.second_order, info.flow)
        for info in NAMED_SAMPLERS.values()
    ]


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in SAMPLERS
        if name not in ("lcm", "tcd")
    ],
)
def test_a_sampler_walks_the_most_steps_it_takes_to_the_end(name, tiny_model):
    sampler = make_sampler(name, tiny_model.scheduler_config, 998)
    latents, generator = torch.ones(1, 4, 2, 2), torch.Generator()
    with torch.inference_mode():
        while not sampler.done:
            latents = sampler.step(sampler.scale(latents), latents, generator)
    assert latents.isfinite().all()


@pytest.mark.parametrize("name", ["ddim", "ddpm", "ipndm"])
def test_no_number_of_trailing_steps_ends_before_the_first_timestep(name):
    # 61 times 1000 / 61 is a little less than 1000, so numpy counts 62 steps.
    sampler = make_sampler(name, CONFIG, 61, schedule="sgm_uniform")
    assert len(sampler) == 61
    assert min(sampler.timesteps) >= 0


@pytest.mark.parametrize(
    ("strength", "forwards"), [(1.0, 10), (0.75, 7), (0.58, 5), (0.05, 1), (0.0, 0)]
)
def test_strength_says_how_many_of_the_steps_are_walked(strength, forwards):
    assert len(make_sampler("ddim", CONFIG, 10, strength=strength)) == forwards
    assert len(make_sampler("heun", CONFIG, 10, strength=strength)) == max(0, 2 * forwards - 1)


def test_no_strength_leaves_the_picture_as_it_is():
    sampler = make_sampler("euler", CONFIG, 10, strength=0)
    assert sampler.done
    assert torch.equal(sampler.begin(drawn(2), drawn(1)), drawn(1))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "lcm", "steps": 51}, "steps: lcm takes 1 to 50 with this model, not 51."),
        ({"steps": 0}, "steps: euler takes 1 to 998 with this model, not 0."),
        ({"steps": 999}, "steps: euler takes 1 to 998 with this model, not 999."),
        (
            {"name": "deis", "steps": 1, "schedule": "karras"},
            "steps: deis takes 2 to 998 with this schedule, not 1.",
        ),
        ({"name": "magic"}, "sampler: 'magic' is unknown; there are dpmpp_2m, dpmpp_sde"),
        ({"name": "lcm", "schedule": "karras"}, "schedule: lcm does not take 'karras'; it takes"),
    ],
)
def test_what_a_sampler_cannot_do_is_said_with_field_and_limit(asked, message):
    asked = {"name": "euler", "steps": 4, **asked}
    with pytest.raises(InvalidRequest, match=message.replace(".", r"\.")):
        make_sampler(asked.pop("name"), CONFIG, asked.pop("steps"), **asked)


def test_lms_coefficients_are_those_of_diffusers():
    fast = make_sampler("lms", CONFIG, 10)._scheduler
    with quiet():
        stock_lms: Any = LMSDiscreteScheduler.from_config(CONFIG)
        stock_lms.set_timesteps(10)
    for order in range(1, 5):
        for current in range(order):
            expected = stock_lms.get_lms_coefficient(order, 5, current)
            assert fast.get_lms_coefficient(order, 5, current) == pytest.approx(expected, 1e-4)


def half_way(scheduler_class: Any, steps: int) -> torch.Tensor:
    """Image-to-image by a UNet that is right for pictures of pure noise of deviation 0.3."""
    with quiet():
        scheduler = scheduler_class.from_config({**CONFIG, "clip_sample": False})
        scheduler.set_timesteps(steps)
    sampler = Sampler(Walk(scheduler, steps // 2))
    latents = sampler.begin(drawn(2), 0.3 * drawn(1))
    while not sampler.done:
        scaled, signal = sampler.scale(latents), sampler._signal(sampler.timestep)
        noise = (1 - signal) ** 0.5 * scaled / (signal * 0.3**2 + 1 - signal)
        latents = sampler.step(noise, latents, torch.Generator())
    return latents


def test_lms_is_nearer_to_the_exact_walk_than_diffusers_own_in_image_to_image():
    exact = half_way(diffusers.DDIMScheduler, 500)
    ours = (half_way(FloatLMSDiscreteScheduler, 20) - exact).square().mean().sqrt()
    theirs = (half_way(LMSDiscreteScheduler, 20) - exact).square().mean().sqrt()
    assert ours < theirs / 2


def test_ipndm_takes_the_steps_of_diffusers_own():
    sampler = make_sampler("ipndm", CONFIG, 8)
    timesteps = [int(each) for each in sampler.timesteps]
    signals = sampler._scheduler.alphas_cumprod
    noise = (1 - torch.cat([signals[timesteps], torch.ones(1)])).sqrt()
    reference: Any = IPNDMScheduler(trained_betas=noise.tolist())
    reference.set_timesteps(8)
    reference.set_begin_index(0)
    ours = theirs = drawn(1)
    for timestep, sigma in zip(timesteps, noise, strict=False):
        velocity = (predicted(theirs, timestep) - sigma * theirs) / (1 - sigma**2).sqrt()
        theirs = reference.step(velocity, timestep, theirs, return_dict=False)[0]
        ours = sampler.step(predicted(ours, timestep), ours, torch.Generator())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


FLOWS = [name for name, recipe in SAMPLERS.items() if recipe.flow]
SHIFTS: list[tuple[dict[str, Any], float | None]] = [
    ({"shift": 3.0}, None),
    ({"shift": 3.0, "use_dynamic_shifting": True}, 0.6),
    ({"shift": 1.0, "use_dynamic_shifting": True, "shift_terminal": 0.02}, 0.9),
]


def test_the_api_lists_the_schedules_of_flow_matching():
    assert FLOW_SCHEDULES == NAMED_FLOW_SCHEDULES


@pytest.mark.parametrize("levels", [[1.0, 0.8, 0.6, 0.4, 0.2], [1.0]], ids=["five steps", "one"])
@pytest.mark.parametrize(("config", "mu"), SHIFTS)
@pytest.mark.parametrize("name", FLOWS)
def test_a_straight_flow_leads_to_its_picture(name, config, mu, levels):
    course = Course(len(levels), levels if mu else None, mu)
    for schedule in FLOW_SCHEDULES:
        sampler = make_flow_sampler(name, config, course, schedule=schedule)
        generator = torch.Generator().manual_seed(0)
        clean = torch.full((1, 4, 2, 2), 0.5)
        latents = sampler.begin(torch.randn(clean.shape, generator=generator))
        while not sampler.done:
            # Some put other noise in its place, and the flow from there leads to the picture too.
            flow = (latents - clean) / (sampler.timestep / 1000)
            latents = sampler.step(flow, latents, generator)
        assert torch.allclose(latents, clean, atol=0.02), schedule


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_a_linear_quadratic_walk_has_the_levels_of_diffusers_mochi(steps):
    course = Course(steps, None, 0.9)
    config = {"shift": 3.0, "use_dynamic_shifting": True, "shift_terminal": 0.02}
    sampler = make_flow_sampler("euler", config, course, schedule="linear_quadratic")
    assert sampler.timesteps == pytest.approx(
        [1000 * each for each in linear_quadratic_schedule(steps, 0.025)]
    )


@pytest.mark.parametrize(("config", "mu"), SHIFTS[:2])
@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_is_walked_as_by_stock_diffusers(name, config, mu):
    if mu is not None and name == "heun":
        pytest.skip("diffusers' Heun knows no shift by size")
    scheduler = stock_flow(name, config)
    dynamic = getattr(scheduler.config, "use_dynamic_shifting", False)
    with quiet():
        scheduler.set_timesteps(6, **({"mu": mu} if dynamic else {}))
    sampler = make_flow_sampler(name, config, Course(6, None, mu))
    draws = [torch.Generator().manual_seed(0) for _ in range(2)]
    latents = stocks = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    takes = "generator" in inspect.signature(scheduler.step).parameters
    for timestep in scheduler.timesteps:
        assert sampler.timestep == timestep
        ours, theirs = (each.sin() * 0.7 + 0.1 for each in (latents, stocks))
        latents = sampler.step(ours, latents, draws[0])
        extra = {"generator": draws[1]} if takes else {}
        pointed_at = stocks - scheduler.sigmas[-2] * theirs
        with quiet():
            stocks = scheduler.step(theirs, timestep, stocks, return_dict=False, **extra)[0]
        if name != "deis":
            assert torch.allclose(latents, stocks, rtol=0, atol=5e-6)
            continue
        # Diffusers' own stays where it is, short of the picture that its last step points at; and
        # it divides by the signal, a thousandth where it begins, so that rounding shows.
        assert torch.allclose(latents, pointed_at if sampler.done else stocks, rtol=0, atol=1e-4)
    assert sampler.done


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "ddim"}, "sampler: 'ddim' is none for a flow-matching model; there are dpmpp_2m"),
        ({"schedule": "normal"}, "schedule: a flow-matching model does not take 'normal'"),
        ({"course": Course(0)}, "steps: euler takes 1 to 1000 with this model, not 0"),
    ],
)
def test_what_a_flow_cannot_walk_is_refused(asked, said):
    usual = {"name": "euler", "scheduler_config": {"shift": 3.0}, "course": Course(4)}
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        make_flow_sampler(**(usual | asked))
