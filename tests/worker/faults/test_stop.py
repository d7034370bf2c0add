"""A worker that is asked to stop while it takes a job: the job is run or given back, never left."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time

import pytest

from jobs.records import workers
from jobs.signals import GIVE_BACK
from tests.worker.conftest import SLOW, Desk
from worker.loop.rq_worker import BatchWorker


@pytest.fixture
def desk(here: BatchWorker) -> Desk:
    return Desk(here.connection, here.settler.images)


def ask_while_taking(worker: BatchWorker, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the worker to stop when it is about to take its first job, and let it see that."""
    take = worker.intake.take

    def late(most: int = 1) -> bool:
        for _ in range(times):
            worker.request_stop(signal.SIGTERM, None)
        time.sleep(0.3)
        return take(most)

    monkeypatch.setattr(worker.intake, "take", late)


def test_a_job_taken_during_a_warm_stop_is_run(
    here: BatchWorker, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    record = desk.submit()
    ask_while_taking(here, 1, monkeypatch)
    assert here.work() is True
    assert desk.read(record).status == "succeeded"


def test_a_job_taken_during_a_cold_stop_goes_back_at_no_cost(
    here: BatchWorker, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    record = desk.submit(**SLOW)
    ask_while_taking(here, 2, monkeypatch)
    assert here.work() is True
    back = desk.read(record)
    assert (back.status, back.attempts, back.crashes) == ("queued", 0, 0)
    assert here.connection.lrange(f"rq:queue:{back.lane}", 0, -1) == [record.id.encode()]


def test_a_worker_that_ends_lets_go_of_its_models(here: BatchWorker):
    here.request_stop(signal.SIGTERM, None)
    assert here.work() is False
    assert here.offer.models.warm() == []
    assert workers.live(here.connection) == []


@pytest.mark.parametrize("signals", [[signal.SIGTERM, signal.SIGTERM], [GIVE_BACK]])
@pytest.mark.slow
def test_signals_during_one_long_step_are_counted_one_by_one(
    here: BatchWorker, desk: Desk, monkeypatch: pytest.MonkeyPatch, signals: list[signal.Signals]
):
    record = desk.submit(**SLOW)
    turn, to_send = here.stepper.turn, list(signals)

    def send() -> None:
        while to_send:
            os.kill(os.getpid(), to_send.pop())
            time.sleep(0.05)

    def long_turn() -> None:
        turn()
        if to_send and here.board.held():
            sender = threading.Thread(target=send)
            sender.start()
            while sender.is_alive():
                # One call into C, in which Python runs no handler.
                hashlib.pbkdf2_hmac("sha256", b"", b"", 300_000)

    monkeypatch.setattr(here.stepper, "turn", long_turn)
    assert here.work() is True
    back = desk.read(record)
    assert (back.status, back.attempts, back.crashes) == ("queued", 0, 0)
