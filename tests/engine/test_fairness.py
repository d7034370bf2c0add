"""Who has the device, on one that is pretended: figures that no machine disturbs."""

from __future__ import annotations

import pytest

from tests.engine.pretended import Device, processor
from worker.engine.shares import AHEAD
from worker.engine.task import Task


def alone(steps: int = 20) -> float:
    device = Device()
    device.send("warm", "nobody")
    device.run()
    began = device.now
    device.send("one", "bert", began, steps=steps)
    device.run()
    return device.ended["one"] - began


def crowded(weight: float = 1.0, *, arrives: float = 3.0, pictures: int = 32) -> float:
    """Bert's one picture among so many of Anna's, from coming to done."""
    device = Device()
    for number in range(pictures):
        device.send(f"anna{number}", "anna", steps=100)
    device.send("one", "bert", arrives, weight=weight)
    device.run(until=lambda: "one" in device.ended)
    return device.ended["one"] - arrives


@pytest.mark.parametrize(("weight", "most"), [(1.0, 2.5), (4.0, 1.5)])
def test_one_picture_among_another_callers_hundred_takes_little_longer(weight, most):
    ratios = [crowded(weight, arrives=3 + moment / 20) / alone() for moment in range(12)]
    assert max(ratios) <= most


def throughput(callers: int, *, places: bool = False, each: int = 8) -> float:
    """Pictures a second of so many callers, each sending the next as soon as one is done.

    Where `places` are shared instead of time, all are even whatever they had.
    """
    device = Device()
    left = {f"caller{number}": each for number in range(callers)}
    if places:
        device.accounts.shares.tag = lambda caller: 0.0
        device.accounts.slack = lambda task: 1e9

    def again(task: Task) -> None:
        left[task.caller] -= 1
        if left[task.caller]:
            device.send(f"{task.caller} {left[task.caller]}", task.caller, device.now + 0.05)

    device.then = again
    for number, caller in enumerate(left):
        device.send(caller, caller, number * 0.3)
    device.run()
    return callers * each / device.now


@pytest.mark.parametrize("callers", [2, 5, 16, 24])
def test_equal_callers_share_full_forwards(callers):
    assert throughput(callers) >= 0.97 * throughput(callers, places=True)


def test_two_callers_of_many_pictures_fill_their_forwards_in_turn():
    device = Device()
    for number in range(20):
        device.send(f"anna{number}", "anna")
        device.send(f"bert{number}", "bert", 0.1)
    device.run()
    full = [forward for forward in device.forwards if len(forward) == 16]
    assert len(full) > 0.8 * len(device.forwards)


def test_whose_rows_cost_next_to_nothing_rides_along_though_he_is_owed_nothing():
    def pictures(curve) -> float:
        device = Device(curve=curve)
        for number in range(14):
            device.send(f"anna{number}", "anna", steps=100)
        device.send("one", "bert", 3.0, steps=20)
        device.run(until=lambda: "one" in device.ended)
        mates = [len(forward) for forward in device.forwards if "one" in forward]
        return sum(mates) / len(mates)

    # But for the one by which it was measured what a forward of his own takes.
    assert pictures(lambda rows: 0.1 + 0.0001 * rows) > 14
    assert pictures(processor) < 5


def test_shares_go_by_weight_and_are_not_saved_up():
    device = Device()
    for caller, weight in (("low", 0.25), ("normal", 1.0), ("high", 4.0)):
        for number in range(16):
            device.send(f"{caller}{number}", caller, steps=1000, weight=weight)
    device.run(until=lambda: device.now > 200)
    had = dict.fromkeys(("low", "normal", "high"), 0.0)
    for forward in device.forwards:
        for name in forward:
            had[name.rstrip("0123456789")] += 1
    assert had["normal"] / had["low"] == pytest.approx(4, rel=0.2)
    assert had["high"] / had["normal"] == pytest.approx(4, rel=0.2)
    # Who comes after all this time begins where the least is, not 200 seconds behind him.
    device.send("late", "new", device.now, steps=2000)
    began = device.now
    device.run(until=lambda: device.now > began + 20)
    alone_in = sum(forward == ["late"] for forward in device.forwards)
    assert alone_in < 0.8 * 20 / processor(2)


@pytest.mark.parametrize("caller", ["anna", "bert"])
def test_a_huge_picture_holds_a_small_one_up_for_one_forward(caller):
    device = Device()
    device.send("huge", "anna", width=128 * 200)
    device.send("small", caller, 30.0)
    device.run(until=lambda: "small" in device.ended)
    # One is under way; what the small one takes itself the other may take as well.
    assert device.ended["small"] - 30.0 < 200 * processor(2) + 3 * alone()


def test_nobody_counts_as_further_ahead_than_half_a_minute():
    device = Device()
    device.accounts.shares.charge("anna", 1000.0)  # as by another machine
    device.send("mine", "anna")
    device.send("other", "bert", steps=5000)
    device.run(until=lambda: "mine" in device.ended)
    assert device.now < AHEAD + 3
