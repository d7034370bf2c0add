"""The board: who wakes whom, and when."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from worker.loop.board import Board

LONG = 20.0
"""Seconds of rest that no test has the patience for."""


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def signals(board: Board) -> Iterator[None]:
    """Thousands of signals a second to this thread, whose handler asks the worker to stop."""
    before = signal.signal(signal.SIGUSR1, lambda *_: board.ask_to_stop())
    over, here = threading.Event(), threading.get_ident()

    def send() -> None:
        while not over.wait(0.0001):
            signal.pthread_kill(here, signal.SIGUSR1)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    yield
    over.set()
    sender.join()
    signal.signal(signal.SIGUSR1, before)


def slot(name: str = "one") -> SimpleNamespace:
    return SimpleNamespace(id=name, stop=False, lost=False)


@pytest.mark.parametrize("verb", ["hand_in", "stop", "lose", "forget"])
def test_whatever_happens_to_a_slot_ends_the_rest(board: Board, verb: str):
    one = slot()
    board.hold(one)
    threading.Timer(0.1, getattr(board, verb), [one]).start()
    began = time.monotonic()
    board.rest(LONG)
    assert time.monotonic() - began < LONG / 2


def test_what_happens_during_a_turn_ends_the_rest_after_it(board: Board):
    assert board.handed_in() == []
    board.hand_in(one := slot())
    board.rest(LONG)
    assert board.handed_in() == [one]
    began = time.monotonic()
    board.rest(0.05)
    assert time.monotonic() - began >= 0.04, "the wake was used up"


def test_a_worker_is_busy_with_what_it_holds_and_with_what_was_handed_in(board: Board):
    one = slot()
    assert not board.busy
    board.hold(one)
    assert board.busy
    board.hand_in(one)
    board.forget(one)
    assert board.busy
    board.handed_in()
    assert not board.busy


def test_to_forget_a_slot_makes_room(board: Board):
    one, two = slot(), slot("two")
    board.hold(one)
    board.hold(two)
    board.forget(one)
    assert board.room.is_set()
    assert board.held() == [two]
    assert board.get("one") is None


def test_the_second_time_a_worker_is_asked_to_stop_it_is_cold(board: Board):
    board.ask_to_stop()
    assert (board.warm, board.cold) == (True, False)
    board.ask_to_stop()
    assert (board.warm, board.cold) == (True, True)


@pytest.mark.usefixtures("signals")
@pytest.mark.timeout(30)
def test_a_signal_may_come_at_any_moment(board: Board):
    one = slot()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        board.hold(one)
        board.hand_in(one)
        assert one in board.handed_in()
        board.forget(one)
        board.rest(0.001)
    assert board.cold
