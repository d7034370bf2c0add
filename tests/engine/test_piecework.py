"""Long encodes and decodes rest between two layers, and come out as if they had not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, picture, tiny
from worker.engine import Engine, Stage, UNetModel
from worker.engine import task as task_module
from worker.engine.errors import OutOfMemory
from worker.engine.ground import piecework as piecework_module
from worker.engine.ground.piecework import Piecework


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is large, and every layer long."""
    monkeypatch.setattr(task_module, "LARGE", 0)
    monkeypatch.setattr(piecework_module, "PIECE", 0.0)


def noisy(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def inpainted(seed: int = 1):
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 20:50] = 255
    return tiny(width=64, height=48, image=noisy(seed), mask=mask, strength=0.8, steps=6)


def test_in_pieces_a_picture_is_equal_to_the_pixel(tiny_model: UNetModel, monkeypatch):
    whole = picture(Engine(Shelf(tiny_model)), inpainted())
    monkeypatch.setattr(task_module, "LARGE", 0)
    monkeypatch.setattr(piecework_module, "PIECE", 0.0)
    assert np.array_equal(picture(Engine(Shelf(tiny_model)), inpainted()), whole)


def test_others_have_their_turn_between_two_pieces(engine: Engine, in_pieces: None):
    engine.add("large", inpainted(), caller="anna")
    pieces = 0
    while engine.progress("large").stage is not Stage.DENOISE:
        engine.step()
        pieces += 1
    assert pieces > 5, "an encode in one piece is one step"
    engine.cancel("large")
    engine.add("next", inpainted(2), caller="anna")
    engine.step()
    engine.add("small", tiny(), caller="bert")
    for _ in range(3):
        engine.step()
    assert engine.progress("next").stage is Stage.ENCODE
    assert engine.progress("small").stage is not Stage.ENCODE


def test_a_cancel_ends_a_long_encode_between_two_layers(engine: Engine, in_pieces: None):
    engine.add("large", inpainted())
    engine.step()
    thread = engine.batcher.get("large").piecework._walk._thread
    assert thread.is_alive()
    engine.cancel("large")
    assert engine.step() == []
    assert engine.idle
    assert not thread.is_alive()


def test_what_the_work_raises_is_its_own_tasks_error(in_pieces: None):
    layer = torch.nn.Linear(2, 2)

    def fail() -> None:
        layer(torch.zeros(2))
        raise OutOfMemory("no room")

    work = Piecework(fail, [layer])
    assert not work.advance()
    with pytest.raises(OutOfMemory, match="no room"):
        work.advance()
    work.stop()
