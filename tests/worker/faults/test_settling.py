"""What goes wrong after a picture was made: what may pass is waited for, our fault is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from jobs.pictures.image_store import StoreError
from jobs.queue import queue
from tests.running.waiting import until
from tests.worker.conftest import Desk
from tests.worker.test_kinds import scene
from worker.loop.outcome import settler
from worker.loop.rq_worker import BatchWorker


@pytest.fixture
def develop(here: BatchWorker, redis: Redis) -> Callable[..., Any]:
    """Has the worker in this process make one job, and gives the record of how it ended."""
    desk = Desk(redis, here.settler.images)

    def develop(**fields: Any) -> Any:
        record = desk.submit(steps=1, **fields)
        assert here.intake.take()

        def ended() -> bool:
            here.stepper.turn()
            return not here.board.busy

        until(ended, 60)
        return desk.read(record)

    return develop


def failing(times: int, error: Exception) -> Callable[..., Any]:
    """Fails some times, and then does nothing."""
    left = iter([error] * times)

    def fail(*_: Any) -> None:
        if (next_error := next(left, None)) is not None:
            raise next_error

    return fail


def test_a_store_that_is_away_for_a_while_costs_nothing(
    here: BatchWorker, develop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    class EndpointConnectionError(Exception):
        pass

    class Away:
        """Raises as botocore does."""

        exists = staticmethod(failing(2, EndpointConnectionError("no route")))
        pipe_file = staticmethod(failing(0, Exception()))

    monkeypatch.setattr(settler, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(here.settler.images, "_fs", Away())
    done = develop()
    assert (done.status, done.attempts, done.crashes) == ("succeeded", 1, 0)


def test_a_store_that_stays_away_fails_the_job_with_its_reason(
    here: BatchWorker, develop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settler, "STORE_PATIENCE", 0.0)
    monkeypatch.setattr(here.settler.images, "put", failing(9, StoreError(5, "ReadTimeoutError")))
    done = develop()
    assert (done.status, done.attempts, done.error.code) == ("failed", 1, "store_failed")
    assert "ReadTimeoutError" in done.error.detail


@pytest.mark.parametrize(
    ("place", "count"), [pytest.param("encode", 2, marks=pytest.mark.slow), ("settle.succeed", 1)]
)
def test_an_error_of_ours_fails_the_job_once_and_is_logged(
    develop: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: str,
    count: int,
):
    monkeypatch.setattr(f"worker.loop.outcome.settler.{place}", failing(9, KeyError("default")))
    done = develop(count=count)
    assert (done.status, done.attempts, done.error.code) == ("failed", 1, "internal")
    assert "KeyError: 'default'" in caplog.text


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_picture_that_a_slow_store_takes_after_its_job_was_deleted_is_not_kept(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch, count: int
):
    desk, opened, reached = Desk(redis, here.settler.images), threading.Event(), threading.Event()
    put = here.settler.images.put

    def put_once_open(image: str, data: bytes) -> None:
        reached.set()
        opened.wait(60)
        put(image, data)

    monkeypatch.setattr(here.settler.images, "put", put_once_open)
    record = desk.submit(steps=1, count=count)
    assert here.intake.take()

    def turned(so: Callable[[], object]) -> None:
        def seen() -> object:
            here.stepper.turn()
            return so()

        until(seen, 60)

    turned(reached.is_set)
    slot = here.board.get(record.id)
    assert slot is not None
    # As DELETE has it: canceled, then its pictures go, then its record.
    here.board.stop(slot)
    try:
        turned(lambda: desk.read(record).status == "canceled")
        for image in record.stored_pictures():
            here.settler.images.delete(image)
        queue.delete(redis, record)
    finally:
        opened.set()
    here.settler.close(give_back=False)
    assert not list(here.settler.images.ids())


def test_a_job_canceled_while_its_picture_cannot_be_read_is_canceled(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk(redis, here.settler.images)
    record = desk.submit(kind="image-to-image", pictures={"/image": scene()})
    reading = threading.Event()

    def away(_: str) -> bytes:
        reading.set()
        raise StoreError(5, "ReadTimeoutError")

    monkeypatch.setattr(here.inputs.images, "read", away)
    assert here.intake.take()
    assert reading.wait(60)
    slot = here.board.get(record.id)
    assert slot is not None
    here.board.stop(slot)
    # The thread that reads notices it before the engine's does.
    here.inputs.close()

    def ended() -> bool:
        here.stepper.turn()
        return not here.board.busy

    until(ended, 60)
    done = desk.read(record)
    assert (done.status, done.error) == ("canceled", None)
