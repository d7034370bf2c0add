"""From a picture's last pixel to the store: whose is encoded first, and what callers are told."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from jobs.lists import standing
from jobs.pictures.image_store import job_of
from jobs.queue import queue
from jobs.records import events, workers
from jobs.records.record import JobRecord
from tests.running.waiting import until
from tests.worker.conftest import Desk
from tests.worker.test_kinds import scene
from worker.engine import Finished
from worker.loop.outcome import turns as turns_of
from worker.loop.outcome.turns import Piece, Turns
from worker.loop.pace import Pace
from worker.loop.rq_worker import BatchWorker
from worker.loop.slot import Slot

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
    # However long they are held here, of none it is said that nobody knows.
    monkeypatch.setattr(turns_of, "AT_LEAST", 600.0)
    monkeypatch.setattr(Pace, "seconds", lambda *_: 3.0)

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
    listener = redis.pubsub()
    listener.psubscribe(events.LIVE_CHANNELS)
    large = [enlarged() for _ in range(3)]
    held |= {job.id for job in large}
    turned(lambda: all(desk.read(job).storing for job in large))
    assert all(job.progress and job.progress.fraction == 1 for job in map(desk.read, large))
    assert all(told(job) for job in large)
    before = told(large[0])
    turned(lambda: told(large[0]) != before)
    small = desk.submit("bert", steps=1)
    assert worker.intake.take()
    turned(lambda: desk.read(small).ended_at)
    assert not any(desk.read(job).ended_at for job in large)
    opened.set()
    turned(lambda: all(desk.read(job).status == "succeeded" for job in large))
    heard = list(iter(lambda: listener.get_message(timeout=0.1), None))
    listener.close()
    said = [each["data"] for each in heard if each["type"] == "pmessage"]
    assert said
    assert len(said) == len(set(said)), "nothing is said twice because its time has changed"


def turned(worker: BatchWorker, so: Callable[[], object]) -> None:
    """Turn the worker until it is so."""

    def seen() -> object:
        worker.stepper.turn()
        return so()

    until(seen, 60)


def test_a_canceled_job_keeps_the_pictures_that_are_stored_and_shows_them_before(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    desk, opened, put = Desk(redis, here.settler.images), threading.Event(), here.settler.images.put

    def put_first(image: str, data: bytes) -> None:
        if not image.endswith("-0"):
            opened.wait(60)
        put(image, data)

    monkeypatch.setattr(here.settler.images, "put", put_first)
    job = desk.submit(count=2, steps=1)
    assert here.intake.take()
    slot = here.board.get(job.id)
    assert slot is not None
    try:
        turned(here, lambda: desk.read(job).outputs)
        [first] = desk.read(job).outputs
        assert desk.read(job).status == "running"
        here.board.stop(slot)
        turned(here, lambda: desk.read(job).status == "canceled")
        ended = desk.read(job)
        assert ended.outputs == [first]
        assert desk.picture(ended).startswith(b"\x89PNG")
    finally:
        opened.set()


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
    store, pictures = here.settler.store, list[weakref.ref[object]]()

    def store_seen(slot: Slot, index: int, finished: Finished) -> None:
        pictures.append(weakref.ref(finished.image))
        store(slot, index, finished)

    monkeypatch.setattr(here.settler, "store", store_seen)

    others = [desk.submit("anna", steps=1) for _ in range(3)]
    while here.intake.take():
        pass
    turned(here, lambda: len(kept) == 3)
    mine = desk.submit("bert", steps=1)
    assert here.intake.take()
    slot = here.board.get(mine.id)
    assert slot is not None
    try:
        turned(here, lambda: slot.all_made)
        here.board.stop(slot)
        turned(here, lambda: desk.read(mine).status == "canceled")
        turned(here, lambda: pictures[-1]() is None)
    finally:
        opened.set()
    turned(here, lambda: all(desk.read(job).status == "succeeded" for job in others))


@pytest.mark.slow
def test_what_waited_for_a_store_that_was_away_is_not_measured(
    here: BatchWorker, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    desk, images = Desk(redis, here.settler.images), here.settler.images
    put, read, away = images.put, images.read, {"put": 0, "read": 0}

    def gone(what: str) -> None:
        if away[what]:
            away[what] -= 1
            raise OSError(5, "Input/output error")

    def put_late(image: str, data: bytes) -> None:
        gone("put")
        put(image, data)

    def read_late(image: str) -> bytes:
        gone("read")
        return read(image)

    asked = {"kind": "image-to-image", "pictures": {"/image": scene(64, 64)}, "steps": 1}

    def ended(times: int) -> None:
        """A job ends, of which the store takes and gives nothing so many times."""
        job = desk.submit("anna", **asked)
        away.update(put=times, read=times)
        assert here.intake.take()

        def seen() -> object:
            here.stepper.turn()
            return desk.read(job).status == "succeeded"

        until(seen, 60)

    monkeypatch.setattr(images, "put", put_late)
    monkeypatch.setattr(images, "read", read_late)
    ended(2)
    assert away == {"put": 0, "read": 0}
    assert (here.settler.offer.finish.each, here.settler.offer.prepare.each) == (None, None)
    ended(0)
    assert here.settler.offer.finish.each
    assert here.settler.offer.prepare.each


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


def test_what_takes_far_longer_than_it_should_says_nothing_of_its_time_nor_of_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
):
    turns, pace, now = Turns(), Pace(), time.monotonic()
    pace.took(0.5, 100)
    for job in "ab":
        turns.add(Piece(job, "anna", 100, lambda: None))
    turns.take()
    assert turns.left(pace) == pytest.approx({"a": 0.5, "b": 1.0}, abs=0.1)
    monkeypatch.setattr(turns_of.time, "monotonic", lambda: now + 5)
    assert turns.left(pace) == {}


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
