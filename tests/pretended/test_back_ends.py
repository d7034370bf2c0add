"""A network that was recorded as a CUDA graph makes the same pictures, for which nobody waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from worker.engine.families.model import LoadedModel

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


@pytest.fixture
def replayed() -> list[str]:
    """The model of each forward that a graph ran."""
    return []


@pytest.fixture
def recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replayed: list[str]
) -> Callable[[LoadedModel], Engine]:
    """An engine for a model, whose networks are recorded however fast that is."""
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 1e9)
    cabinet = Cabinet(tmp_path / "compiled", tmp_path / "notes.json", 10**9)

    def engine(model: LoadedModel) -> Engine:
        backends = Backends(
            [Graphs(Recorder())], cabinet, lambda *_: True, lambda name, _: replayed.append(name)
        )
        return Engine(Shelf(model), backends=backends)

    return engine


def improved(engine: Engine) -> None:
    """All is done that can be made faster, and counts as faster however long it took beside others
    that had the processor."""
    backends = engine._backends
    assert backends is not None
    idle = 0
    while idle < 2:
        busy = backends._sent > backends._done
        idle = 0 if engine.improve() or busy else idle + 1
        time.sleep(0.01)
    for _, course in backends._all():
        for rows, (compiled, compared) in course.there.items():
            course.there[rows] = compiled, replace(compared, compiled=compared.eager / 2)


def test_a_recorded_network_makes_the_picture_without_a_wait(
    device: Pretended,
    folder: Folder,
    recorder: Callable[[LoadedModel], Engine],
    replayed: list[str],
):
    model = models.load("sd1", folder("sd1"), "float16")
    engine = recorder(model)
    request = models.request("sd1", "text-to-image")
    plain = made(engine, request)
    plain = made(engine, request)
    improved(engine)
    assert engine.compiled() == {"sd1": "cuda-graphs"}
    device.record.clear()
    recorded = made(engine, request)
    assert replayed
    assert not device.record.mixes, device.record.mixes
    assert np.array_equal(recorded, plain)
    assert not device.record.waits, device.record.waits
    # Weights that moved are never those that were recorded.
    layer = model.unet.conv_in
    layer.weight = torch.nn.Parameter(layer.weight.detach() * 2, requires_grad=False)
    changed, seen = made(engine, request), len(replayed)
    assert not np.array_equal(changed, recorded)
    improved(engine)
    assert np.array_equal(made(engine, request), changed)
    assert len(replayed) > seen
    engine.close()


def test_a_recorded_transformer_makes_within_what_all_rows_share(
    device: Pretended,
    folder: Folder,
    recorder: Callable[[LoadedModel], Engine],
    replayed: list[str],
):
    model = models.load("flux", folder("flux"), "float16")
    engine = recorder(model)
    request = models.request("flux", "text-to-image")
    # A wider picture has as many tokens, which stand elsewhere.
    wide = models.request("flux", "text-to-image", width=64, height=16)
    plain = [made(engine, each) for each in (request, wide, request, wide)]
    improved(engine)
    assert engine.compiled() == {"flux": "cuda-graphs"}
    device.record.clear()
    for each, right in zip((request, wide), plain, strict=False):
        replayed.clear()
        assert np.array_equal(made(engine, each), right)
        assert replayed
    assert not device.record.waits, device.record.waits
    engine.close()
