"""Every kind with every sampler in every family."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engine.studio import Order, Pixels
from jobs.request.samplers import SAMPLERS
from tests.engine.helpers import difference
from tests.features.development import EDGE, SIDE, FamilyStudio, left_part_kept, photograph
from tests.features.options import LATER
from tests.features.table import DOES, ELSEWHERE, KINDS, Cell, cells, samplers_of
from worker.engine import TOLERANCE
from worker.models.files.cards import card
from worker.models.tables import ModelEntry

Studios = Callable[[str], FamilyStudio]
Together = Callable[[str, str], tuple[dict[str, Order], dict[str, Pixels]]]


@pytest.fixture(scope="session")
def together(studio: Studios) -> Together:
    """A request of every kind of a family with one sampler, and the pictures made in one engine."""

    def make(family: str, sampler: str) -> tuple[dict[str, Order], dict[str, Pixels]]:
        here = studio(family)
        orders = {kind: here.order(kind, sampler=sampler) for kind in here.kinds}
        return orders, here.studio.develop(orders)

    return cache(make)


def quick() -> set[Cell]:
    """A cell of every kind, each of another sampler and family: all samplers are walked, with every
    schedule, in tests/engine/sampling, and all families loaded in tests/models/loading."""
    families = [family for family in DOES if family not in LATER]
    chosen: list[Cell] = []
    for number, kind in enumerate(KINDS):
        used = {cell.column for cell in chosen}
        turn = families[2 * number % len(families) :] + families
        family = next(each for each in turn if kind in DOES[each] and each not in used)
        chosen.append(Cell(kind, [*SAMPLERS][3 * number], family))
    return {*chosen}


def matrix() -> list[object]:
    soon = quick()
    return [
        pytest.param(cell, id=str(cell), marks=[] if cell in soon else [pytest.mark.slow])
        for kind in KINDS
        for cell in cells(kind)
    ]


@pytest.mark.parametrize("cell", matrix())
def test_the_picture_is_the_same_alone_and_among_others_and_keeps_its_promise(
    studio: Studios, together: Together, cell: Cell
):
    orders, pictures = together(cell.column, cell.row)
    order, among_others = orders[cell.table], pictures[cell.table]
    alone = studio(cell.column).alone(order)
    assert difference(alone, among_others) <= TOLERANCE
    assert alone.shape == (order.request.height, order.request.width, 3)
    assert alone.std() > 1
    kept = np.asarray(photograph())
    match cell.table:
        case "inpaint":
            assert left_part_kept(alone)
            assert not np.array_equal(alone, kept)
        case "outpaint":
            assert alone.shape[1] == SIDE + 8
            assert np.array_equal(alone[:, : SIDE - EDGE], kept[:, : SIDE - EDGE])
        case "upscale":
            assert alone.shape[:2] == (2 * SIDE, 2 * SIDE)
        case _:
            pass


@pytest.mark.parametrize("family", DOES)
def test_a_model_says_it_does_the_kinds_of_its_family_and_no_others(
    folder: Callable[[str], Path], family: str
):
    home = folder(family)
    said = card(ModelEntry(name=family, base=home.parent, source=home.name))
    assert set(said.kinds) - {*ELSEWHERE} == set(DOES[family])
    assert said.samplers == samplers_of(family)


def test_the_quick_tests_have_every_kind_each_in_another_family():
    soon = quick()
    assert {cell.table for cell in soon} == set(KINDS)
    assert len({cell.column for cell in soon}) == len(KINDS)
