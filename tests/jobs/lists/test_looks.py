"""Looks at the queue that requests share: each has who asked in it, and few are taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs.lists import looks
from jobs.lists.looks import Looks
from jobs.lists.standing import Standing
from jobs.queue import places, queue
from tests.running.looks import counted_looks


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Standing]:
    """The looks that were taken; each is kept, however short the queue is."""
    return counted_looks(monkeypatch)


def test_a_short_queue_is_shown_as_it_is(redis, ask):
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
