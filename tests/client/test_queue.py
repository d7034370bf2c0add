"""Places in the queue and grids, by the Python client and by the command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from darkroom_client import Darkroom, RequestRefused, StillRunning

from tests.running.hand_worker import HandWorker, png
from tests.running.processes.program import run_text


def test_jobs_change_places_in_the_queue(darkroom: Darkroom, worker: HandWorker, tmp_path: Path):
    first, second = darkroom.submit("apple"), darkroom.submit("pear")
    assert darkroom.move(second, to="first").queue_position == 0
    assert darkroom.move(second, after=first).queue_position == 1

    def jobs(*arguments: str) -> str:
        words = ("jobs", *arguments, "--url", darkroom.url)
        done = run_text("darkroom", *words, environment={**os.environ, "DATA": str(tmp_path)})
        return done.stdout + done.stderr

    assert jobs("move", second.id, "--before", first.id) == "0 jobs begin before it.\n"
    assert [line.split()[0] for line in jobs("list").splitlines()] == ["ID", second.id, first.id]
    assert jobs("cancel", "--all") == "2 canceled.\n"
    assert "has ended" in jobs("move", first.id, "--first")
    with pytest.raises(RequestRefused, match="has ended"):
        darkroom.move(first, to="last")


def test_a_grid_is_made_waited_for_shown_and_deleted(
    darkroom: Darkroom, worker: HandWorker, tmp_path: Path
):
    start = tmp_path / "start.png"
    start.write_bytes(png())
    axes = [{"field": "/steps", "values": [2, 3]}]
    grid = darkroom.grid(axes, "apple", kind="image-to-image", image=start)
    with pytest.raises(StillRunning, match="0 of the grid's 2 cells"):
        darkroom.wait_for_grid(grid, timeout=0)
    worker.run(grid.cells[0].job)
    assert darkroom.cancel_grid(grid).counts == {"succeeded": 1, "canceled": 1}
    done = darkroom.wait_for_grid(grid.id)
    assert done.done
    assert [each.status for each in done.cells] == ["succeeded", "canceled"]
    assert done.cells[0].picture
    assert darkroom.load(done.cells[0].picture).data
    assert darkroom.sheet(done, width=64).startswith(b"<svg")
    darkroom.delete_grid(done)
    assert list(darkroom.jobs()) == []
    with pytest.raises(RequestRefused) as refused:
        darkroom.grid([{"field": "/steps", "values": [2, 900]}], "apple")
    assert refused.value.errors[0].pointer == "/axes/0/values/1"
