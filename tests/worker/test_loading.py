"""Two models and room for one: what callers see while one is loaded, and that each has its turn."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from jobs.queue import queue
from jobs.records import events, workers
from jobs.records.record import read_many
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.worker.conftest import ROOM, Desk
from worker.loop.rq_worker import BatchWorker

EMOJI = Path(__file__).parents[2] / "models" / "emoji"
LONG = {"steps": 100, "sampler": "ddim"}

Start = Callable[..., tuple[WorkerProcess, Desk]]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    file = tmp_path / "models.toml"
    tables = [f'[models.{name}]\nsource = "{EMOJI}"\n' for name in ("warm", "cold")]
    file.write_text('default = "warm"\n' + "".join(tables))
    return file


def live_events(desk: Desk, *jobs: str, seconds: float = 60) -> list[events.LiveEvent]:
    """The live events of these jobs until they end."""
    found: list[events.LiveEvent] = []
    with desk.redis.pubsub() as listener:
        listener.psubscribe(events.LIVE_CHANNELS)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = listener.get_message(timeout=0.05)
            if message and message["type"] == "pmessage":
                event = events.parse(message["data"])
                if event.job in jobs:
                    found.append(event)
            elif all(record.status in events.ENDED for record in read_many(desk.redis, jobs)):
                return found
    raise TimeoutError(jobs)


def test_a_job_says_how_much_of_its_model_is_loaded_and_what_was_known_last_stays_until_it_is_told(
    start: Start, models: Path, redis: Redis
):
    redis.hset(workers.CATALOGUE, mapping={"warm": "{}", "gone": "{}"})
    with ThreadPoolExecutor(1) as beside:
        starting = beside.submit(start, models=models, model_memory_gb=ROOM)
        while not starting.done():
            assert redis.hexists(workers.CATALOGUE, "warm"), "callers may name it all the time"
            time.sleep(0.01)
    _, desk = starting.result()
    assert not redis.hexists(workers.CATALOGUE, "gone")
    record = desk.submit(model="cold", steps=30)
    told = [each for each in live_events(desk, record.id) if each.event == "progress"]
    # Before the engine has it and while its picture is stored, a job is at no stage.
    stages = [stage for each in told if (stage := each.progress.stage) is not None]
    order = {"loading": 0, "encoding": 1, "denoising": 2, "decoding": 3}
    assert {"loading", "denoising"} <= set(stages)
    assert [order[stage] for stage in stages] == sorted(order[stage] for stage in stages)
    first = next(each.progress for each in told if each.progress.stage == "loading")
    assert re.fullmatch(r"loading model, \d+ %", first.detail)
    assert (first.step, first.fraction) == (0, 0)
    step = next(each.progress for each in told if each.progress.stage == "denoising")
    assert step.detail == f"step {step.step} of 30"


@pytest.mark.slow
def test_a_worker_says_which_models_it_loads_and_has(start: Start, models: Path):
    worker, desk = start(models=models, model_memory_gb=ROOM)
    busy = desk.running(desk.submit(**LONG))
    desk.submit("bert", model="cold", steps=1)
    # No room while the warm model is in use: it waits, and nothing of it is loaded.
    until(lambda: worker.info.loading == {"cold": 0.0}, 45)
    assert worker.info.warm == ["warm"]
    queue.cancel(desk.redis, busy.id)
    until(lambda: worker.info.warm == ["cold"], 30)
    assert worker.info.loading == {}


@pytest.mark.slow
def test_previews_come_as_often_as_was_asked_for_or_not_at_all(start: Start):
    _, desk = start()
    intervals = (0.1, 60, 0)
    jobs = [desk.submit(preview_interval=each, steps=60).id for each in intervals]
    seen = live_events(desk, *jobs)
    previews = [each.job for each in seen if each.event == "preview"]
    many, few, none = (previews.count(job) for job in jobs)
    assert many >= 2
    assert few <= 1
    assert none == 0


def test_a_cold_models_job_is_taken_at_once_where_its_caller_has_nothing_and_last_where_he_has(
    here: BatchWorker,
):
    desk = Desk(here.connection, here.settler.images)

    def taken() -> str:
        assert here.intake.take()
        return here.board.held()[-1].request.model

    desk.submit("anna", model="cold")
    for _ in range(2):
        desk.submit("bob", model="cold")
        desk.submit("bob", model="warm")
    # Of those who have nothing here, the warm model's; then by what is warm.
    assert [taken() for _ in range(5)] == ["warm", "cold", "warm", "cold", "cold"]


def test_beyond_its_places_a_worker_takes_one_job_of_a_cold_model_that_none_has_warm(
    here: BatchWorker,
):
    desk = Desk(here.connection, here.settler.images)
    here.offer.capacity = 2
    for _ in range(4):
        desk.submit("bob", model="warm")
    assert here.intake.take()
    assert here.intake.take()
    assert not here.intake.take()
    for _ in range(2):
        desk.submit("bob", model="cold")
    assert here.intake.take()
    assert here.board.held()[-1].request.model == "cold"
    assert not here.intake.take()


@pytest.mark.slow
def test_steady_jobs_of_a_warm_model_do_not_starve_a_cold_ones(start: Start, models: Path):
    _, desk = start(models=models, model_memory_gb=ROOM)
    over = threading.Event()
    warm: list[str] = []

    def keep_busy(caller: str) -> None:
        while not over.is_set():
            record = desk.ended(desk.submit(caller, steps=20))
            warm.append(record.status)

    callers = [threading.Thread(target=keep_busy, args=(f"caller{i}",)) for i in range(3)]
    for caller in callers:
        caller.start()
    until(lambda: len(warm) >= 3)
    began = len(warm)
    ended = desk.ended(desk.submit("anna", model="cold", steps=5), 30 + 30)
    before = len(warm) - began
    over.set()
    for caller in callers:
        caller.join()
    assert ended.status == "succeeded"
    assert before > 10, "the warm model's jobs went on meanwhile"
    assert set(warm) == {"succeeded"}
