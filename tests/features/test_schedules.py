"""Every sampler with every schedule that it takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from benchmarks.engine.studio import Pixels
from jobs.request.samplers import SAMPLERS, SCHEDULES
from tests.engine.helpers import difference
from tests.features.development import FamilyStudio
from tests.features.table import SCHEDULED, Cell, cells
from worker.engine import TOLERANCE

Studios = Callable[[str], FamilyStudio]
FAMILY = "sd1"
STEPS = 6


@pytest.fixture(scope="session")
def together(studio: Studios) -> Callable[[str], dict[str, Pixels]]:
    """The pictures of one sampler with all its schedules, and of all kinds, from one engine."""

    def make(sampler: str) -> dict[str, Pixels]:
        here = studio(FAMILY)
        orders = {
            schedule: here.order("text-to-image", sampler=sampler, schedule=schedule, steps=STEPS)
            for schedule in SAMPLERS[sampler].schedules
        }
        return here.studio.develop(here.others | orders)

    return cache(make)


def quick(cell: Cell) -> bool:
    """Every fourth schedule with one of a few samplers: tests/engine/sampling walks all."""
    number = list(SCHEDULES).index(cell.column)
    return number % 4 == 0 and cell.row == ("euler", "dpmpp_2m", "heun")[number % 3]


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=str(cell), marks=[] if quick(cell) else [pytest.mark.slow])
        for cell in cells(SCHEDULED)
    ],
)
def test_the_picture_of_a_schedule_is_the_same_alone_and_among_others(
    studio: Studios, together: Callable[[str], dict[str, Pixels]], cell: Cell
):
    here = studio(FAMILY)
    fields = {"sampler": cell.row, "schedule": cell.column, "steps": STEPS}
    alone = here.alone(here.order("text-to-image", **fields))
    assert difference(alone, together(cell.row)[cell.column]) <= TOLERANCE
    assert alone.std() > 1


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
@pytest.mark.parametrize("schedule", ["exponential", "beta", "sgm_uniform"])
def test_a_schedule_that_spaces_the_steps_otherwise_makes_another_picture(
    together: Callable[[str], dict[str, Pixels]], sampler: str, schedule: str
):
    pictures = together(sampler)
    assert difference(pictures[schedule], pictures["automatic"]) > TOLERANCE
