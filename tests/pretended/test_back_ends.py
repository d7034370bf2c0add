"""A network that was recorded as a CUDA graph makes the same pictures, for which nobody waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, drain
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from tests.pretended.accelerator.device import Pretended
from worker.engine import Backends, Cabinet, Engine, ImageRequest, Picture
from worker.engine.backends.recorded import Graphs, Recorder

Folder = Callable[[str], Path]


@pytest.fixture
def device() -> Iterator[Pretended]:
    with pretended_cuda() as device:
        yield device


def made(engine: Engine, request: ImageRequest) -> Picture:
    engine.add("one", request)
    done = drain(engine)["one"]
    assert done.error is None, done.error
    assert done.image is not None
    return done.image


def improved(engine: Engine) -> None:
    """All is done that can be made faster."""
    backends = engine._backends
    assert backends is not None
    idle = 0
    while idle < 2:
        busy = backends._sent > backends._done
        idle = 0 if engine.improve() or busy else idle + 1
        time.sleep(0.01)


def test_a_recorded_network_makes_the_picture_without_a_wait(
    device: Pretended, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 1e9)
    graphs: list[str] = []
    model = models.load("sd1", folder("sd1"), "float16")
    cabinet = Cabinet(tmp_path / "compiled", tmp_path / "notes.json", 10**9)
    backends = Backends(
        [Graphs(Recorder())], cabinet, lambda *_: True, lambda model, _: graphs.append(model)
    )
    engine = Engine(Shelf(model), backends=backends)
    request = models.request("sd1", "text-to-image")
    plain = made(engine, request)
    plain = made(engine, request)
    improved(engine)
    assert engine.compiled() == {"sd1": "cuda-graphs"}
    device.record.clear()
    recorded = made(engine, request)
    assert graphs
    assert not device.record.mixes, device.record.mixes
    assert np.array_equal(recorded, plain)
    assert not device.record.waits, device.record.waits
    # Weights that moved are never those that were recorded.
    layer = model.unet.conv_in
    layer.weight = torch.nn.Parameter(layer.weight.detach() * 2, requires_grad=False)
    changed, seen = made(engine, request), len(graphs)
    assert not np.array_equal(changed, recorded)
    improved(engine)
    assert np.array_equal(made(engine, request), changed)
    assert len(graphs) > seen
    engine.close()
