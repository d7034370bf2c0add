"""Looks at the queue that requests share: each has who asked in it, and few are taken."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.lists import forecast, looks, standing
from jobs.lists.looks import Looks
from jobs.lists.standing import Standing
from jobs.queue import places, queue
from jobs.records import workers
from jobs.records.workers import PictureCost, WorkerInfo
from tests.running.looks import counted_looks


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Standing]:
    """The looks that were taken; each is kept, however short the queue is."""
    return counted_looks(monkeypatch)


def test_a_short_queue_is_shown_as_it_is_however_long_a_look_takes(redis, ask, monkeypatch):
    # Processor time, of which a look at two jobs takes a hundred times as much on a busy machine.
    monkeypatch.setattr(looks, "KEPT", 1000.0)
    first, second = (queue.submit(redis, ask(), "anna") for _ in range(2))
    shared = Looks(redis)
    assert shared.now([second]).position(second) == 1
    queue.cancel(redis, first.id)
    assert shared.now([second]).position(second) == 0


def test_a_look_is_kept_for_all_who_are_in_it(redis, ask, taken):
    first, second = (queue.submit(redis, ask(), "anna") for _ in range(2))
    shared = Looks(redis)
    for record, position in ((first, 0), (second, 1), (second, 1)):
        assert shared.now([record]).position(record) == position
    assert len(taken) == 1
    third = queue.submit(redis, ask(), "anna")
    assert shared.now([first, third]).position(third) == 2
    assert shared.now().waiting == 3
    assert len(taken) == 2


def test_jobs_that_changed_places_are_looked_at_again(redis, ask, taken):
    first, second = (queue.submit(redis, ask(), "anna") for _ in range(2))
    shared = Looks(redis)
    assert shared.now([second]).position(second) == 1
    places.move(redis, second, "first", None)
    assert [shared.now([each]).position(each) for each in (second, first)] == [0, 1]
    assert len(taken) == 2


def test_a_look_is_kept_for_no_longer_than_was_said(redis, ask, taken, monkeypatch):
    monkeypatch.setattr(looks, "LONGEST", 0.0)
    record = queue.submit(redis, ask(), "anna")
    shared = Looks(redis)
    for _ in range(3):
        shared.now([record])
    assert len(taken) == 3


def test_those_who_ask_at_once_wait_for_one_look(redis, ask, taken):
    records = [queue.submit(redis, ask(), "anna") for _ in range(60)]
    shared = Looks(redis)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda each: shared.now([each]).position(each), records))
    assert found == list(range(60))
    assert len(taken) == 1


@pytest.mark.parametrize("callers", [("anna",), ("anna", "bert", "carl")])
@pytest.mark.parametrize("played", [8, 250])
def test_a_job_that_comes_later_is_where_another_look_would_find_it(
    redis, ask, card, taken, monkeypatch, callers, played
):
    """Its place and time, whether all jobs that wait are played through or only the first."""
    monkeypatch.setattr(forecast, "MOST", played)
    monkeypatch.setattr(looks, "LONGEST", 60.0)
    size = {"width": 128, "height": 128, "rows": 8}
    cost = PictureCost(model="emoji", fixed=0.1, per_row=0.2, encode=0.3, decode=0.4, **size)
    said = {"name": "w", "host": "h", "pid": 1, "device": "cpu", "running": 0, "capacity": 4}
    info = WorkerInfo(models=[card], warm=["emoji"], jobs_per_second=None, costs=[cost], **said)
    workers.advertise(redis, info)
    dice, shared = random.Random(7), Looks(redis)
    for caller in callers:
        queue.submit(redis, ask(), caller)
    shared.now()
    for _ in range(20):
        wish = {"steps": dice.randint(1, 40), "count": dice.choice((1, 1, 3))}
        priority = dice.choice(("low", "normal", "normal", "high"))
        record = queue.submit(
            redis, ask(**wish, priority=priority), dice.choice(callers), looks=shared
        )
        found = shared.now([record])
        assert len(taken) == 1
        anew = standing.look(redis)
        taken.pop()
        assert found.position(record) == anew.position(record)
        assert found.eta(record) == pytest.approx(anew.eta(record))
    stranger = queue.submit(redis, ask(), "stranger", looks=shared)
    assert shared.now([stranger]).position(stranger) is not None
    assert len(taken) == 2
