"""A model that is not in memory, while those that are have work without end: it has a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.records.events import ENDED
from tests.running.waiting import until
from tests.running.worker import WorkerProcess
from tests.tiny.model import save_tiny_model
from tests.worker.conftest import Desk

Start = Callable[..., tuple[WorkerProcess, Desk]]

TURN = 1
SLACK = 15.0
"""Seconds for the pictures under way and the loading, which take one where nothing else runs."""

SIDES = {"width": 64, "height": 64}


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Path, float]:
    """Two tiny models, and memory for one of them in GB."""
    folder = save_tiny_model(tmp_path / "tiny")
    size = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    file = tmp_path / "models.toml"
    tables = [f'[models.{name}]\nsource = "{folder}"\n' for name in ("hot", "cold")]
    file.write_text('default = "hot"\n' + "".join(tables))
    return file, 1.5 * size / 1e9


@pytest.mark.slow
@pytest.mark.parametrize("caller", ["anna", "somebody"])
def test_a_cold_models_job_begins_within_its_bound(
    start: Start, tiny: tuple[Path, float], caller: str
):
    models, room = tiny
    _, desk = start(models=models, model_memory_gb=room, capacity=2, model_turn=TURN)
    over = threading.Event()
    hot: list[str] = []

    def keep_busy(name: str) -> None:
        waiting = [desk.submit(name, model="hot", steps=20, **SIDES) for _ in range(4)]
        while not over.is_set():
            hot.append(desk.ended(waiting.pop(0)).status)
            waiting.append(desk.submit(name, model="hot", steps=20, **SIDES))

    callers = [threading.Thread(target=keep_busy, args=(name,)) for name in ("anna", "bert")]
    for each in callers:
        each.start()
    try:
        until(lambda: len(hot) >= 2)
        for _ in range(2):
            job = desk.submit(caller, model="cold", steps=2, **SIDES)
            until(lambda job=job: desk.read(job).status in ENDED, TURN + SLACK)
            assert desk.read(job).status == "succeeded"
            before = len(hot)
            until(lambda before=before: len(hot) > before, TURN + SLACK)
    finally:
        over.set()
        for each in callers:
            each.join()
    assert set(hot) == {"succeeded"}
