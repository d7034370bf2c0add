"""Every option in every family that has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np
import pytest

from benchmarks.engine.studio import Order, Pixels
from jobs.request.model_card import Kind
from tests.engine.helpers import difference
from tests.features.development import FamilyStudio, left_part_kept
from tests.features.options import OPTIONS, Option
from tests.features.table import DOES, OPTIONAL, Cell, cells
from worker.engine import TOLERANCE

Studios = Callable[[str], FamilyStudio]
Together = Callable[[str], tuple[dict[str, Order], dict[str, Pixels]]]

QUICK = ("sd1",)


def kind_of(option: Option, family: str) -> Kind:
    return cast(Kind, option.kind(family, DOES[family]))


@pytest.fixture(scope="session")
def together(studio: Studios) -> Together:
    """Every option of a family, each with its request, and the pictures made in one engine."""

    def make(family: str) -> tuple[dict[str, Order], dict[str, Pixels]]:
        here = studio(family)
        orders = {
            name: here.order(kind_of(option, family), **option.fields)
            for name, option in OPTIONS.items()
            if option.kind(family, DOES[family]) is not None
        }
        return orders, here.studio.develop(orders)

    return cache(make)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=str(cell), marks=[] if cell.column in QUICK else [pytest.mark.slow])
        for cell in cells(OPTIONAL)
    ],
)
def test_an_option_shows_and_its_picture_is_the_same_alone_and_among_others(
    studio: Studios, together: Together, cell: Cell
):
    option, here = OPTIONS[cell.row], studio(cell.column)
    kind = kind_of(option, cell.column)
    orders, pictures = together(cell.column)
    order = orders[cell.row]
    alone = here.alone(order)
    allowed = 0 if "exact" in option.promises else TOLERANCE
    assert difference(alone, pictures[cell.row]) <= allowed
    assert alone.shape[:2] == (order.canvas.size[1], order.canvas.size[0])
    assert alone.std() > 1
    if "shows" in option.promises:
        # Alone, an option that does nothing would leave it equal to the bit.
        assert not np.array_equal(alone, here.alone(here.order(kind, **option.without)))
    if "kept" in option.promises:
        assert left_part_kept(alone)
    if "larger" in option.promises:
        small = here.order(kind, **option.smaller).canvas.size
        assert order.canvas.size == (2 * small[0], 2 * small[1])
    if option.like is not None:
        like = here.alone(here.order(kind, **option.like))
        assert difference(alone, like) <= TOLERANCE
