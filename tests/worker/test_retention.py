"""KEEP_DAYS on a real Redis and a real folder."""

from __future__ import annotations

from threading import Event

import pytest

from jobs.pictures.image_store import ImageStore, image_id, input_id
from jobs.queue import queue, settle
from jobs.records.events import Output
from jobs.request.pictures import InputPicture
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from tests.card import make_card
from worker.loop.retention import Retention

DAY = 24 * 3600 * 1000


@pytest.fixture
def card():
    return make_card(name="emoji")


def finished(redis, store, card, days_ago):
    """A job with a picture, made so many days ago."""
    now = queue.new_job_id()
    job_id = f"{int(now[:12], 16) - days_ago * DAY:012x}{now[12:]}"
    request = GenerationRequest(prompt="x", kind="image-to-image", image="sent")
    source = InputPicture(input_id(job_id, 0), 64, 64)
    resolved = resolve(request, [card], {"/image": source})
    record = queue.submit(redis, resolved, "anna", job_id=job_id)
    store.put(source.id, b"png")
    output = Output(
        id=image_id(job_id, 0), width=8, height=8, seed=1, prompt_tokens=1, prompt_chunks=1
    )
    store.put(output.id, b"png")
    with redis.pipeline() as pipe:
        pipe.delete(f"rq:queue:{record.lane}")
        settle.succeed(pipe, queue.fetch(redis, job_id), "worker", [output])
        pipe.execute()
    return record


def test_ended_jobs_past_the_days_go_with_their_pictures(redis, tmp_path, card):
    store = ImageStore(str(tmp_path))
    old, new = (finished(redis, store, card, days) for days in (8, 6))
    assert Retention(redis, store, keep_days=7).run() == 1
    assert queue.read(redis, old.id) is None
    assert queue.read(redis, new.id) is not None
    left = {path.name for path in tmp_path.rglob("*.png")}
    assert left == {f"{new.id}-0.png", f"{new.id}-i0.png"}


def test_without_keep_days_everything_stays(redis, tmp_path, card):
    store = ImageStore(str(tmp_path))
    old = finished(redis, store, card, 4000)
    assert Retention(redis, store, keep_days=0).run() == 0
    assert queue.read(redis, old.id) is not None


def test_a_store_that_hangs_keeps_nobody_from_going_on(redis, tmp_path, monkeypatch):
    hung, asked = Event(), Event()
    store = ImageStore(str(tmp_path))
    monkeypatch.setattr(store, "sweep", lambda: (asked.set(), hung.wait(60)))
    retention = Retention(redis, store, keep_days=0)
    retention.run_if_due()
    assert asked.wait(10)
    retention.run_if_due()
    hung.set()
