"""Sheets: the pictures of all steps of a trace, side by side."""

from __future__ import annotations

from pathlib import Path

from tests.engine.helpers import Shelf, load, pictures, tiny
from tests.tiny.model import save_tiny_model
from worker.engine import Engine, TraceWish
from worker.engine.request import Enlarge
from worker.engine.trace.file import about, sheets


def test_a_second_pass_stands_on_the_sheets_as_large_as_its_latents(tmp_path: Path):
    save_tiny_model(tmp_path / "tiny")
    larger = Enlarge(32, 32, 4, 0.5)
    done = pictures(
        Engine(Shelf(load("tiny", tmp_path / "tiny"))), only=tiny(enlarge=larger, trace=TraceWish())
    )
    trace = done["only"].trace
    assert trace is not None
    assert [each.step for each in trace.steps] == [0, 1, 2, 3, 4, 5]
    height, width = trace.steps[-1].tensors["x"].shape[-2:]
    assert height == 2 * trace.steps[0].tensors["x"].shape[-2]
    assert about(trace)["size"] == [width, height]
    made = sheets(trace)
    assert made["x"].shape == (height, 6 * width, 3)
    assert made["attention"].shape == (6 * height, len(trace.words) * width, 3)
