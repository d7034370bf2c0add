"""Plain rows and steered ones share a forward where that costs the device no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.helpers import tiny
from worker.engine.accounts import Accounts
from worker.engine.memory.stopwatch import Measurement
from worker.engine.task import BatchKey, Task

PLAIN = BatchKey("m", 16, 16)
STEERED = replace(PLAIN, steered=True)


def test_plain_rows_stay_by_themselves_where_they_have_a_faster_network():
    accounts = Accounts()
    assert accounts.together(PLAIN, 4, 2)
    # Compiled 10 ms a row, and 20 beside something that no compiled network has.
    accounts.costs.forward(PLAIN.timed, 4, 0.04)
    accounts.costs.forward(STEERED.timed, 2, 0.04)
    accounts.costs.forward(STEERED.timed, 6, 0.12)
    assert not accounts.together(PLAIN, 4, 2)
    # The other one was compiled as well.
    accounts.costs.forward(STEERED.timed, 6, 0.06)
    assert accounts.together(PLAIN, 4, 2)


def test_who_is_steered_pays_what_that_takes():
    accounts = Accounts()
    accounts.costs.forward(PLAIN.timed, 4, 0.04)
    plain, steered = Task("plain", tiny(), caller="a"), Task("x", tiny(tiling="x"), caller="b")
    rows = [plain, plain, steered, steered]
    accounts.forward(STEERED, rows, 8, Measurement(4, 0.1))
    assert plain.had == pytest.approx(0.02)
    assert steered.had == pytest.approx(0.08)
