"""How far a job is said to be: never less far than it was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from jobs.records.events import READING, Output
from worker.engine import Stage
from worker.loop.outcome.reporter import told
from worker.loop.slot import Slot


class Engine:
    """An engine that says of its tasks what it is told to."""

    def __init__(self) -> None:
        self.steps: dict[int, int] = {}

    def progress(self, task: str) -> Any:
        step = self.steps[int(task.rpartition("/")[2])]
        return SimpleNamespace(step=step, steps=20, stage=Stage.DENOISE)


def test_a_picture_that_is_being_stored_is_no_less_far():
    request = SimpleNamespace(count=2, all_steps=40, picture_steps=lambda _index: 20)
    lease = SimpleNamespace(id="lease", job=SimpleNamespace(id="job"))
    slot = Slot(cast("Any", lease), cast("Any", SimpleNamespace(request=request)))
    engine = Engine()
    seen: list[int] = []

    def look() -> None:
        seen.append(slot.progress(cast("Any", engine)).step)

    look()
    engine.steps = {0: 20, 1: 10}
    look()
    del engine.steps[0]  # made, and on its way to the store
    look()
    slot.outputs[0] = cast("Output", None)
    look()
    del engine.steps[1]
    look()
    slot.outputs[1] = cast("Output", None)
    look()
    assert seen == [0, 30, 30, 30, 30, 40]


def test_a_job_whose_picture_is_being_read_says_so():
    request = SimpleNamespace(count=1, all_steps=20, picture_steps=lambda _index: 20)
    record = SimpleNamespace(request=request, extent=SimpleNamespace(given=50_000_000))
    lease = SimpleNamespace(id="lease", job=SimpleNamespace(id="job"))
    slot = Slot(cast("Any", lease), cast("Any", record))

    def said() -> tuple[object, ...]:
        progress = told(slot, cast("Any", Engine()), cast("Any", None))
        return progress.step, progress.stage, progress.detail

    assert said() == (0, "encoding", READING)
    slot.canvas = cast("Any", object())
    assert said() == (0, None, None)
