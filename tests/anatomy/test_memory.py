"""What recordings take of their memory, and when others have it again."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.engine.helpers import Shelf, load, pictures, tiny
from tests.tiny.model import save_tiny_model
from worker.engine import Engine, TraceWish

STEP = 4 * 5 * 4 * 8 * 8
"""More bytes than one step of the tiny model takes."""


def test_a_trace_has_its_memory_until_it_is_stored(tmp_path: Path):
    save_tiny_model(tmp_path / "tiny")
    engine = Engine(Shelf(load("tiny", tmp_path / "tiny")), trace_memory=4 * STEP)
    asked = tiny(trace=TraceWish(attention="none"))
    first = pictures(engine, first=asked)["first"].trace
    second = pictures(engine, second=asked)["second"].trace
    assert first is not None
    assert second is not None
    sizes = [each.numel() * 4 for step in first.steps for each in step.tensors.values()]
    assert sum(sizes) > 2 * STEP, "one of them takes more than half of the memory"
    assert (first.left_out, len(first.steps)) == (0, 4)
    assert second.left_out > 0, "nobody has stored the first yet"
    first.close()
    first.close()
    second.close()
    third = pictures(engine, third=asked)["third"].trace
    assert third is not None
    assert third.left_out == 0
    assert torch.equal(third.steps[-1].tensors["x0"], first.steps[-1].tensors["x0"])
