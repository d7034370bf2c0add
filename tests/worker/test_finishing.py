"""From a picture's last pixel to the store: whose is encoded first, and what callers are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from jobs.lists import standing
from jobs.pictures.image_store import job_of
from jobs.queue import queue
from jobs.records import workers
from jobs.records.record import JobRecord
from tests.running.waiting import until
from tests.worker.conftest import Desk
from tests.worker.test_kinds import scene
from worker.loop.outcome.turns import Piece, Turns
from worker.loop.pace import Pace
from worker.loop.rq_worker import BatchWorker

LARGER = {"kind": "upscale", "scale": 4, "strength": 0.0, "upscaler": "lanczos"}


@pytest.fixture
def reported(here: BatchWorker) -> Iterator[BatchWorker]:
    """The worker in this process, of which progress is reported."""
    thread = threading.Thread(target=here.reporter.run)
    thread.start()
    yield here
    here.board.over.set()
    thread.join()


def test_a_small_picture_waits_for_no_large_ones_of_others_and_those_say_how_long_they_take(
    reported: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    worker, desk = reported, Desk(redis, reported.settler.images)
    opened, put, held = threading.Event(), worker.settler.images.put, set[str]()

    def put_once_open(image: str, data: bytes) -> None:
        if job_of(image) in held:
            opened.wait(60)
        put(image, data)

    monkeypatch.setattr(worker.settler.images, "put", put_once_open)

    def enlarged() -> JobRecord:
        job = desk.submit("anna", pictures={"/image": scene(264, 264)}, **LARGER)
        assert worker.intake.take()
        return job

    def turned(so: Callable[[], object]) -> None:
        def seen() -> object:
            worker.stepper.turn()
            return so()

        until(seen, 60)

    def told(job: JobRecord) -> float | None:
        return standing.look(redis).eta(desk.read(job))

    first = enlarged()
    turned(lambda: desk.read(first).ended_at)
    worker.settler.offer.advertise(0)
    [info] = workers.live(redis)
    assert info.prepare.each
    assert info.enlarging["lanczos"].each_pixel
    waits = desk.submit("anna", pictures={"/image": scene(264, 264)}, **LARGER)
    assert told(waits)
    queue.delete(redis, waits)
    large = [enlarged() for _ in range(3)]
    held |= {job.id for job in large}
    turned(lambda: all(desk.read(job).storing for job in large))
    assert all(job.progress and job.progress.fraction == 1 for job in map(desk.read, large))
    assert all(told(job) for job in large)
    small = desk.submit("bert", steps=1)
    assert worker.intake.take()
    turned(lambda: desk.read(small).ended_at)
    assert not any(desk.read(job).ended_at for job in large)
    opened.set()
    turned(lambda: all(desk.read(job).status == "succeeded" for job in large))


def test_a_canceled_job_ends_while_the_store_keeps_the_pictures_of_others(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    desk, opened = Desk(redis, here.settler.images), threading.Event()
    put, kept = here.settler.images.put, list[str]()

    def put_once_open(image: str, data: bytes) -> None:
        kept.append(image)
        opened.wait(60)
        put(image, data)

    monkeypatch.setattr(here.settler.images, "put", put_once_open)

    def turned(so: Callable[[], object]) -> None:
        def seen() -> object:
            here.stepper.turn()
            return so()

        until(seen, 60)

    others = [desk.submit("anna", steps=1) for _ in range(3)]
    while here.intake.take():
        pass
    turned(lambda: len(kept) == 3)
    mine = desk.submit("bert")
    assert here.intake.take()
    slot = here.board.get(mine.id)
    assert slot is not None
    here.board.stop(slot)
    try:
        turned(lambda: desk.read(mine).status == "canceled")
    finally:
        opened.set()
    turned(lambda: all(desk.read(job).status == "succeeded" for job in others))


def order(*pieces: tuple[str, int]) -> list[str]:
    """The callers of pieces of so many pixels, in the order in which they are taken."""
    turns = Turns()
    for caller, pixels in pieces:
        turns.add(Piece(caller, caller, pixels, lambda: None))
    taken: list[str] = []
    for _ in pieces:
        piece = turns.take()
        assert piece is not None
        taken.append(piece.caller)
        turns.done(piece)
    return taken


def test_callers_take_turns_and_small_pictures_pass_larger_ones_for_a_while():
    assert order(*[("anna", 500)] * 3, ("bert", 500), ("carl", 100)) == [
        *("carl", "anna", "bert"),
        *("anna", "anna"),
    ]
    ten = [("bert", 200)] * 10
    assert order(("anna", 1000), *ten).index("anna") == 4, "no longer than is fair"
    assert order(("anna", 500), ("bert", 0))[0] == "bert", "what only ends waits for nobody"


def test_what_is_left_counts_what_goes_before():
    turns, pace = Turns(), Pace()
    pace.took(4.0, 2_000_000)
    for job in "abcd":
        turns.add(Piece(job, "anna", 2_000_000, lambda: None))
    turns.add(Piece("e", "bert", 100, lambda: None))
    assert turns.left(pace) == {"a": 4.0, "b": 4.0, "c": 8.0, "d": 8.0}
    pace.took(0.5, 100)
    assert turns.left(pace)["e"] == 0.5
    turns.add(Piece("e", "bert", 2_000_000, lambda: None))
    assert turns.left(pace) == {"a": 4.0, "b": 8.0, "c": 8.0, "d": 12.0, "e": 4.0}
