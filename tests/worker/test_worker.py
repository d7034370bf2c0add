"""One worker, the model that ships, a real Redis: what callers are promised."""

from __future__ import annotations

import io
import json
import re
import time

import numpy as np
import pytest
from PIL import Image
from rq import Queue
from rq.command import send_stop_job_command
from rq.registry import FinishedJobRegistry
from rq.serializers import JSONSerializer
from rq.worker import Worker

from jobs.queue import leases, queue
from jobs.records import events, metrics
from jobs.records.workers import offered_models
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from tests.running.site import SIDE
from tests.running.waiting import until
from tests.worker.conftest import SLOW


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_job_becomes_a_picture_that_is_no_noise(desk):
    done = desk.ended(desk.submit(steps=20, sampler="dpmpp_2m", width=128, height=128))
    assert (done.status, done.attempts, done.error) == ("succeeded", 1, None)
    (output,) = done.outputs
    assert (output.width, output.height, output.seed) == (128, 128, 7)
    picture = pixels(desk.picture(done))
    assert picture.shape == (128, 128, 3)
    assert picture[:4, :4].mean() > 225, "a white corner"
    red, _, blue = picture[64, 40:88].mean(axis=0)
    assert red - blue > 60, "a yellow cat in the middle"


def test_the_picture_carries_its_recipe(desk):
    done = desk.ended(desk.submit(negative_prompt="blue, green", steps=5))
    text = Image.open(io.BytesIO(desk.picture(done))).text
    assert re.fullmatch(
        "cat face, 3d\nNegative prompt: blue, green\n"
        "Steps: 5, Sampler: DDIM, Schedule type: Automatic, CFG scale: 4.0, Seed: 7, "
        f"Size: {SIDE}x{SIDE}, "
        "Model hash: [0-9a-f]{10}, Model: emoji, Version: Darkroom [0-9.]+",
        text["parameters"],
    )
    recipe = json.loads(text["darkroom"])["request"]
    again = resolve(GenerationRequest(**recipe), offered_models(desk.redis))
    assert again == done.request


def test_a_prompt_in_any_script_is_written_and_read_back(desk):
    done = desk.ended(desk.submit(prompt="con mèo 猫 🐱, 3d", steps=2))
    text = Image.open(io.BytesIO(desk.picture(done))).text
    assert text["parameters"].split("\n")[0] == "con mèo 猫 🐱, 3d"


def test_picture_three_can_be_made_again_alone(desk):
    many = desk.ended(desk.submit(count=3, seed=40))
    alone = desk.ended(desk.submit(seed=many.outputs[2].seed))
    difference = np.abs(pixels(desk.picture(many, 2)) - pixels(desk.picture(alone)))
    assert [output.seed for output in many.outputs] == [40, 41, 42]
    assert difference.max() <= 2


def test_a_long_prompt_is_used_whole_and_says_how_many_tokens(desk):
    short = desk.ended(desk.submit(steps=2))
    long = desk.ended(desk.submit(prompt="red apple and green heart " * 12, steps=2))
    assert short.outputs[0].prompt_chunks == 1
    assert long.outputs[0].prompt_tokens >= 48
    assert long.outputs[0].prompt_chunks >= 3


@pytest.mark.slow
def test_jobs_that_come_together_share_forwards(desk):
    def rows() -> tuple[float, float]:
        tree = metrics.read(desk.redis).get("forward_rows", {}).get("emoji", {})
        return tree.get("sum", 0), sum(n for part, n in tree.items() if part != "sum")

    desk.ended(desk.submit(steps=1))
    until(lambda: rows()[1] > 0)
    time.sleep(leases.BEAT + 0.5)  # for the metrics of the tests before this one
    before = rows()
    for record in [desk.submit(f"caller{i}", steps=20, seed=i) for i in range(6)]:
        assert desk.ended(record).status == "succeeded"
    until(lambda: rows()[0] - before[0] >= 6 * 20 * 2)
    total, forwards = (now - then for now, then in zip(rows(), before, strict=True))
    assert total == 6 * 20 * 2
    assert total / forwards >= 4, "rows a forward; alone it would be 2"


def test_the_stream_tells_the_whole_story_in_order(desk):
    done = desk.ended(desk.submit(count=2))
    stream = desk.redis.xrange(events.job_stream(done.id))
    story = [events.parse(fields[b"data"]) for _, fields in stream]
    assert [event.event for event in story] == ["status", "status", "output", "output", "done"]
    assert [event.status for event in story[:2]] == ["queued", "running"]
    assert story[-1].status == "succeeded"


def test_those_who_look_see_progress_and_previews(desk):
    with desk.redis.pubsub() as listener:
        listener.psubscribe(events.LIVE_CHANNELS)
        listener.get_message(timeout=1)
        record = desk.submit("viewer", steps=60)
        seen = []
        until(lambda: seen.append(listener.get_message(timeout=0.05)) or desk.read(record).outputs)
    live = [events.parse(message["data"]) for message in seen if message]
    mine = [event for event in live if event.job == record.id]
    fractions = [event.progress.fraction for event in mine if event.event == "progress"]
    assert len(fractions) >= 3
    assert fractions == sorted(fractions)
    preview = next(event for event in mine if event.event == "preview")
    assert preview.image.startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("how", ["through the queue", "through RQ's own command"])
def test_a_running_job_stops_within_a_step(desk, how):
    record = desk.running(desk.submit(**SLOW))
    if how == "through the queue":
        queue.cancel(desk.redis, record.id)
    else:
        send_stop_job_command(desk.redis, record.id, serializer=JSONSerializer)
    stopped = time.monotonic()
    ended = desk.ended(record)
    assert ended.status == "canceled"
    assert ended.outputs == []
    assert time.monotonic() - stopped < 3
    assert ended.progress.fraction < 0.9


def test_a_cancel_whose_message_was_lost_is_noticed_by_the_next_beat(desk):
    record = desk.running(desk.submit(**SLOW))
    desk.redis.hset(f"rq:job:{record.id}", "cancel", 1)
    assert desk.ended(record, 10).status == "canceled"


def test_canceling_one_job_leaves_its_mates_alone(desk):
    mates = [desk.submit(steps=40, seed=i) for i in range(3)]
    desk.running(mates[1])
    queue.cancel(desk.redis, mates[1].id)
    assert [desk.ended(mate).status for mate in mates] == ["succeeded", "canceled", "succeeded"]


def test_a_job_deleted_while_it_runs_is_dropped_and_leaves_no_picture(desk, worker):
    record = desk.running(desk.submit(**SLOW))
    queue.delete(desk.redis, record)
    until(lambda: (info := worker.info) and info.running == 0, 15)
    assert queue.read(desk.redis, record.id) is None
    assert not list(worker.data.rglob(f"{record.id}*"))


def test_one_bad_job_does_not_fail_its_batch(desk):
    good = desk.submit(steps=30)
    cards = offered_models(desk.redis)
    request = resolve(GenerationRequest(prompt="cat face", steps=30), cards)
    bad = queue.submit(desk.redis, request.model_copy(update={"clip_skip": 12}), "anna")
    failed = desk.ended(bad)
    assert failed.status == "failed"
    assert failed.error.code == "invalid_request"
    assert failed.error.detail.startswith("clip_skip:")
    assert desk.ended(good).status == "succeeded"


def test_rq_shows_the_truth(desk, worker):
    def state() -> str:
        return Worker.find_by_key(f"rq:worker:{worker.name}", connection=desk.redis).get_state()

    record = desk.running(desk.submit("rq", **SLOW))
    lane = Queue("emoji/normal/rq", connection=desk.redis, serializer=JSONSerializer)
    assert lane.started_job_registry.get_job_ids() == [record.id]
    until(lambda: state() == "busy", 5)
    until(lambda: worker.name in [each.name for each in Worker.all(queue=lane)], 5)
    queue.cancel(desk.redis, record.id)
    done = desk.ended(desk.submit("rq", steps=1))
    assert FinishedJobRegistry(queue=lane).get_job_ids() == [done.id]
    assert lane.started_job_registry.get_job_ids() == []
    until(lambda: state() == "idle", 5)
