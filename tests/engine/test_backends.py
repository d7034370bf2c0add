"""Every family whose network can be compiled draws the same with it, at each number of rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.helpers import Shelf, difference, pictures, tiny
from tests.tiny_models import save_tiny
from tests.tiny_pipelines import SAVERS
from worker.engine import Backends, Cabinet, Engine
from worker.engine.backends.openvino import CompiledNetwork
from worker.models.loading.loader import load_model
from worker.models.tables import ModelEntry

pytest.importorskip("openvino", reason="OpenVINO is not installed: `make up` does on x86-64")
pytestmark = pytest.mark.slow


def saver(family: str) -> Callable[[Path], Path]:
    return SAVERS.get(family) or (lambda folder: save_tiny(family, folder))


def made_faster(engine: Engine, seconds: float = 240) -> None:
    """Has an engine with nothing to do compile and try what it was asked for."""
    end = time.monotonic() + seconds
    while not engine.compiled():
        assert time.monotonic() < end
        if not engine.improve():
            time.sleep(0.1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", ["sd1", "sd2", "lcm", "sdxl", "sd3", "pixart-sigma", "sana"])
def test_a_family_draws_the_same_compiled(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = ModelEntry(name="tiny", base=tmp_path, source=str(saver(family)(tmp_path / "tiny")))
    model = load_model(entry, torch.device("cpu"))
    shelf = Shelf(model)
    asked = tiny(width=64, height=64, sampler="euler")
    three = {str(seed): replace(asked, seed=seed) for seed in range(3)}
    plain = pictures(Engine(shelf), **three)
    cabinet = Cabinet(tmp_path / "compiled", tmp_path / "notes.json", 10**9)
    engine = Engine(shelf, backends=Backends(cabinet, lambda _, __: True))
    # The first forward of a shape is weighed, the plain way.
    pictures(engine, **three)
    made_faster(engine)
    ran: list[int] = []
    run = CompiledNetwork.run

    def watched(self: CompiledNetwork, call: object) -> torch.Tensor:
        ran.append(self.rows)
        return run(self, call)

    monkeypatch.setattr(CompiledNetwork, "run", watched)
    for seed, done in pictures(engine, **three).items():
        assert difference(done.image, plain[seed].image) <= 2
    assert ran
