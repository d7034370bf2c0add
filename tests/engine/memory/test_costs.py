"""What things cost: the shape of the curve from the fastest, its height from what was last."""

from __future__ import annotations

import pytest

from worker.engine.memory.costs import Costs, Kind
from worker.engine.memory.footprint import ForwardShape

SHAPE = ForwardShape("m", 16, 16)
KIND = Kind("m", 128, 128)


@pytest.fixture
def costs() -> Costs:
    costs = Costs()
    for rows, seconds in ((2, 0.3), (2, 0.2), (10, 1.0), (10, 1.4)):
        costs.forward(SHAPE, rows, seconds)
    return costs


def test_between_two_sizes_it_goes_in_proportion_and_beyond_them_by_the_row(costs: Costs):
    assert costs.seconds(SHAPE, 2) == pytest.approx(0.2)
    assert costs.seconds(SHAPE, 6) == pytest.approx(0.6)
    assert costs.seconds(SHAPE, 20) == pytest.approx(2.0)
    assert costs.seconds(SHAPE, 1) == pytest.approx(0.1)
    assert costs.seconds(ForwardShape("m", 32, 32), 2) is None


def test_what_slows_one_size_down_slows_all(costs: Costs):
    costs.step(2.9)
    for _ in range(50):
        costs.forward(SHAPE, 2, 0.5)
        costs.step(0.6)  # with what comes between
    assert costs.seconds(SHAPE, 10) == pytest.approx(3.0)
    for _ in range(50):
        costs.forward(SHAPE, 2, 0.2)
        costs.step(0.2)
    assert costs.seconds(SHAPE, 10) == pytest.approx(1.0)


def test_a_kind_is_told_of_once_all_of_it_was_measured(costs: Costs):
    costs.belongs(KIND, SHAPE, 32)
    costs.stage(KIND, "encode", 0.1)
    assert costs.all() == []
    costs.stage(KIND, "decode", 0.4)
    (cost,) = costs.all()
    assert (cost.model, cost.width, cost.rows) == ("m", 128, 32)
    assert cost.fixed + 2 * cost.per_row == pytest.approx(0.2)
    assert (cost.encode, cost.decode) == (0.1, 0.4)
    assert costs.around(KIND) == pytest.approx(0.5)


def test_what_fewer_rows_were_once_slow_in_they_take_no_longer_than_more(costs: Costs):
    costs.forward(SHAPE, 1, 5.0)
    assert costs.seconds(SHAPE, 1) == pytest.approx(0.2)


def test_what_more_rows_took_says_what_as_many_as_may_share_a_forward_take(costs: Costs):
    costs.stage(KIND, "encode", 0.1)
    costs.stage(KIND, "decode", 0.4)
    # By the two rows alone it would be 0.8.
    costs.belongs(KIND, SHAPE, 8)
    costs.forward(SHAPE, 10, 0.24)
    (cost,) = costs.all()
    assert cost.fixed + 8 * cost.per_row == pytest.approx(0.23)
    assert cost.fixed + 2 * cost.per_row == pytest.approx(0.2)
