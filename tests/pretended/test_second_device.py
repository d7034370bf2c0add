"""`DEVICE=cuda:1`: every thread of a worker works there, and nothing goes to the first device."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from redis import Redis

from jobs.pictures.image_store import ImageStore
from jobs.records.metrics import Metrics
from jobs.settings import Settings
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from tests.tiny.models import save_tiny
from tests.tiny.parts import save_tiny_lora
from tests.tiny.pipelines.pipelines import save_tiny_pixart
from worker.build import build_worker
from worker.engine import Lora


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.slow
def test_every_thread_of_a_worker_works_on_its_device(redis: Redis, tmp_path: Path):
    save_tiny("sd1", tmp_path / "sd1")
    save_tiny_pixart(tmp_path / "whole")
    save_tiny_lora(tmp_path / "lora.safetensors", tmp_path / "sd1")
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(
        'default = "sd1"\n'
        '[models.sd1]\nsource = "sd1"\n[models.whole]\nsource = "whole"\n'
        '[loras.tiny]\nsource = "lora.safetensors"\n'
    )
    chosen = Settings(models=catalogue, data=tmp_path / "data", device="cuda:1", spare_worker=False)
    with pretended_cuda(count=2) as device:
        worker = build_worker(
            "second", redis, chosen, ImageStore(str(tmp_path / "images")), Metrics()
        )
        engine = worker.stepper.engine
        engine.add("own", models.request("sd1", steps=9, loras=(Lora("tiny"),)))
        whole = models.request("whole", sampler="default", width=256, height=256)
        engine.add("whole", whole)
        errors: list[Exception | None] = []
        shown: list[bool] = []

        def look() -> None:
            shown.append(engine.preview("own") is not None)

        while not engine.idle:
            errors += [each.error for each in engine.step()]
            if "own" in {task.id for task in engine.batcher.tasks}:
                reporter = threading.Thread(target=look)
                reporter.start()
                reporter.join()
        worker.inputs.close()
        worker.settler.close(give_back=False)
        worker.offer.models.close()
        record, memory = device.record, device.memory
        assert errors == [None, None]
        assert any(shown)
        assert not record.mixes
        assert memory.peak[0] == 0
        assert memory.peak[1] > 0
        assert record.calls["event on cuda:1"] >= 18
        assert record.calls["event on cuda:0"] == 0
