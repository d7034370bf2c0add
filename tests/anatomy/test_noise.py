"""The two ways to drown a picture are one distribution: measured, with statistics of their own."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from worker.engine.anatomy import noise
from worker.engine.anatomy.noise import Noise

PICTURE = np.linspace(-1, 1, 6_000, dtype=np.float32)
"""Pixels of every level between black and white."""

TIMES = (0, 10, 250, 600, 999)

CHANCE = 1e-4
"""How often a test of this file may find a difference where there is none: it draws by a seed, so
that it finds the same each time."""


def drawn(schedule: Noise) -> dict[str, dict[int, np.ndarray[Any, Any]]]:
    """The noise that each way has added, over what the formula says that its deviation is."""
    generator = np.random.default_rng(11)
    walked = noise.step_by_step(PICTURE, schedule, TIMES, generator)
    found: dict[str, dict[int, np.ndarray[Any, Any]]] = {"closed": {}, "stepwise": walked}
    for time in TIMES:
        fresh = generator.standard_normal(PICTURE.shape, np.float32)
        found["closed"][time] = noise.at_once(PICTURE, schedule, time, fresh)
    return {
        way: {
            time: (made - schedule.signal[time] * PICTURE) / schedule.noise[time]
            for time, made in times.items()
        }
        for way, times in found.items()
    }


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "squaredcos_cap_v2", "flow"])
def test_step_by_step_is_the_closed_form_in_distribution(name: str):
    found = drawn(noise.named(name))
    for time in TIMES:
        closed, stepwise = found["closed"][time], found["stepwise"][time]
        # Kolmogorov and Smirnov: of one distribution with each other, and both of the normal one.
        assert stats.ks_2samp(closed, stepwise).pvalue > CHANCE, time
        for each in (closed, stepwise):
            assert stats.kstest(each, "norm").pvalue > CHANCE, time
            # The noise of a pixel says nothing of the picture, nor of its neighbour's.
            assert abs(np.corrcoef(each, PICTURE)[0, 1]) < 4 / sqrt(len(PICTURE))
            assert abs(np.corrcoef(each[:-1], each[1:])[0, 1]) < 4 / sqrt(len(PICTURE))


def test_another_amount_of_noise_would_be_found():
    """The same statistics tell one timestep from its neighbours: they could fail."""
    schedule = noise.named("scaled_linear")
    walked = noise.step_by_step(PICTURE, schedule, [250], np.random.default_rng(11))[250]
    wrong = (walked - schedule.signal[250] * PICTURE) / schedule.noise[300]
    assert stats.kstest(wrong, "norm").pvalue < CHANCE


def test_the_schedules_are_those_of_their_papers():
    linear, cosine = noise.named("linear"), noise.named("squaredcos_cap_v2")
    assert linear.betas is not None
    assert (linear.betas[0], linear.betas[-1]) == (1e-4, 0.02)
    assert linear.alpha_bar[-1] == pytest.approx(4.0e-5, rel=0.02)
    # Improved DDPM: half of the picture is left in the middle, where linear has drowned it.
    assert cosine.alpha_bar[499] == pytest.approx(0.49, abs=0.02)
    assert linear.alpha_bar[499] < 0.1
