"""Memory by measurement: what a row takes, what is refused for it, what is kept on disk."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.engine.helpers import Shelf, difference, picture, pictures, tiny
from worker.engine import TOLERANCE, Engine, Notebook, OutOfMemory
from worker.engine.memory.footprint import Footprints, ForwardShape, tracked

MEGABYTE = 1_000_000


class Watch:
    """Notes the rows of each forward."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def forward(self, model: str, rows: int, seconds: float) -> None:
        self.rows.append(rows)

    def stage(self, name: str, seconds: float) -> None: ...


def test_the_peak_counts_what_is_alive_at_once_and_not_what_was_let_go():
    def work() -> torch.Tensor:
        held = torch.zeros(1000)
        for _ in range(10):
            held = torch.zeros(1000)
            held = held + 1
        return held

    result, most = tracked(work)
    assert result.sum() == 1000
    assert most == 2 * 4000


def test_a_view_and_a_change_in_place_take_no_memory():
    start = torch.zeros(1000)
    _, most = tracked(lambda: start.view(10, 100).add_(1).T)
    assert most == 0


def forward_bytes(model, rows: int) -> int:
    latents = torch.randn(rows, 4, 8, 8)
    text = torch.randn(rows, 12, 32)
    with torch.inference_mode():
        return tracked(lambda: model.unet(latents, torch.ones(rows), text, return_dict=False))[1]


def test_a_forward_takes_as_much_memory_as_it_has_rows(tiny_model):
    one, eight = forward_bytes(tiny_model, 1), forward_bytes(tiny_model, 8)
    assert one > 8 * 8 * 16 * 4
    assert eight == pytest.approx(8 * one, rel=0.02)


def test_a_shape_not_measured_yet_is_judged_by_area_from_the_nearest_smaller_one():
    known = Footprints(
        {ForwardShape("m", 8, 8): 1000, ForwardShape("m", 16, 16): 5000, ForwardShape("n", 4, 4): 1}
    )
    assert known.bytes_per_row(ForwardShape("m", 16, 32)) == 10_000
    assert known.bytes_per_row(ForwardShape("m", 8, 16)) == 2000
    assert known.bytes_per_row(ForwardShape("m", 4, 8)) == 500
    assert known.bytes_per_row(ForwardShape("other", 8, 8)) is None


def a_row(tiny_model) -> int:
    engine = Engine(Shelf(tiny_model))
    engine.add("one", tiny())
    engine.step()
    engine.step()
    task = engine.batcher.get("one")
    return engine.runner._budget._footprints.measured[task.key.shape]


def test_no_forward_takes_more_rows_than_the_limit_holds(tiny_model):
    watch = Watch()
    limit = int(a_row(tiny_model) * 1.2 * 4.5)
    engine = Engine(Shelf(tiny_model), memory_limit=limit, observer=watch)
    requests = {str(seed): tiny(seed=seed, steps=6) for seed in range(6)}
    limited = pictures(engine, **requests)
    assert max(watch.rows[1:]) == 4
    free = pictures(Engine(Shelf(tiny_model)), **requests)
    for name in requests:
        assert difference(limited[name].image, free[name].image) <= TOLERANCE


def test_a_picture_that_can_never_fit_is_refused_at_once_and_told_what_would(tiny_model):
    watch = Watch()
    engine = Engine(Shelf(tiny_model), memory_limit=a_row(tiny_model) * 5, observer=watch)
    picture(engine, tiny())
    steps = len(watch.rows)
    refused = pictures(engine, huge=tiny(width=128, height=64))["huge"].error
    assert isinstance(refused, OutOfMemory)
    assert len(watch.rows) == steps
    assert "128x64 needs about" in str(refused)
    fitting = str(refused).rsplit("about ", 1)[1].split(" ")[0]
    width, height = map(int, fitting.split("x"))
    assert 16 < width < 128
    assert picture(engine, tiny(width=width, height=height)).shape == (height, width, 3)


def test_what_was_measured_is_known_to_the_next_engine(tiny_model, tmp_path):
    notebook = Notebook(tmp_path / "rows.json", "cpu")
    request = tiny()
    first = Engine(Shelf(tiny_model), notebook=notebook, max_rows=16)
    while first.warm_up(request):
        pass
    watch = Watch()
    second = Engine(Shelf(tiny_model), notebook=notebook, max_rows=16, observer=watch)
    assert not second.warm_up(request)
    assert watch.rows == []
    other_device = Notebook(tmp_path / "rows.json", "cuda")
    assert other_device.read(16) == ({}, {})


def test_what_was_measured_where_fewer_rows_were_allowed_is_no_limit_afterwards(
    tiny_model, tmp_path
):
    notebook = Notebook(tmp_path / "rows.json", "cpu")
    picture(Engine(Shelf(tiny_model), notebook=notebook, max_rows=1), tiny())
    rows, sizes = notebook.read(1)
    assert list(rows.values()) == [1]
    assert notebook.read(16) == ({}, sizes)
    watch = Watch()
    second = Engine(Shelf(tiny_model), notebook=notebook, max_rows=16, observer=watch)
    assert second.warm_up(tiny())


@pytest.mark.parametrize("number", ["-5", "0", "-1e400", "1e400", '"x"', "[]"])
@pytest.mark.parametrize("field", ["rows", "bytes", "height"])
def test_what_cannot_have_been_measured_is_measured_anew(tiny_model, tmp_path, field, number):
    file = tmp_path / "rows.json"
    notebook = Notebook(file, "cpu")
    pictures(Engine(Shelf(tiny_model), notebook=notebook, max_rows=1), one=tiny())
    known = re.sub(rf'"{field}": \d+', f'"{field}": {number}', file.read_text())
    file.write_text(known)
    assert number in known
    # A size that nothing is known of begins with what others of the model say.
    engine = Engine(Shelf(tiny_model), notebook=notebook, max_rows=1)
    picture(engine, tiny())
    picture(engine, tiny(width=24))
    assert all(each["bytes"] > 0 for each in json.loads(file.read_text())["cpu"])


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cpu": [{"shape": 3}]}', '{"cpu": 1}'])
def test_a_broken_notebook_is_measured_anew(tiny_model, tmp_path, content):
    file = tmp_path / "rows.json"
    file.write_text(content)
    engine = Engine(Shelf(tiny_model), notebook=Notebook(file, "cpu"))
    picture(engine, tiny())
    assert json.loads(file.read_text())["cpu"][0]["bytes"] > 0


def test_a_notebook_that_cannot_be_written_stops_nothing(tiny_model, tmp_path):
    notebook = Notebook(tmp_path / "no such folder" / "rows.json", "cpu")
    assert picture(Engine(Shelf(tiny_model), notebook=notebook), tiny()).shape == (16, 16, 3)


def test_warming_up_ends_and_a_newcomer_in_the_middle_is_served_at_once(tiny_model):
    watch = Watch()
    engine = Engine(Shelf(tiny_model), observer=watch)
    request = tiny()
    assert engine.warm_up(request)
    expected = picture(Engine(Shelf(tiny_model)), tiny(seed=3))
    assert difference(picture(engine, tiny(seed=3)), expected) <= TOLERANCE
    forwards = 0
    while engine.warm_up(request):
        forwards += 1
        assert forwards < 200
    assert max(watch.rows) >= 16


@pytest.mark.parametrize("steps", [1, 4])
def test_nobody_waits_for_a_measurement_that_takes_long_by_what_a_smaller_picture_took(
    tiny_model, monkeypatch, steps: int
):
    watch = Watch()
    engine = Engine(Shelf(tiny_model), observer=watch)
    inner = tiny_model.unet.forward

    def slow(*arguments, **named):
        time.sleep(0.2)
        return inner(*arguments, **named)

    monkeypatch.setattr(tiny_model.unet, "forward", slow)
    picture(engine, tiny(steps=steps))
    made = len(watch.rows)
    assert not engine.warm_up(tiny(width=256, height=256))
    assert len(watch.rows) == made


LIMITED = """
import resource, sys
import torch
from pathlib import Path
from tests.engine.helpers import Shelf, load, picture, pictures, tiny
from worker.engine import Engine

torch.set_num_threads(1)
model = load("tiny", Path(sys.argv[1]))
fitted, starved = [], []
inner = model.unet.forward
def forward(latents, *arguments, **named):
    try:
        result = inner(latents, *arguments, **named)
    except RuntimeError:
        starved.append(len(latents))
        raise
    fitted.append(len(latents))
    return result
model.unet.forward = forward
requests = {str(n): tiny(seed=n, width=128, height=128, steps=2, sampler="ddim") for n in range(8)}
alone = picture(Engine(Shelf(model)), requests["0"])
engine = Engine(Shelf(model), max_rows=16)
for name, request in requests.items():
    engine.add(name, request)
for _ in requests:
    engine.step()
fitted.clear()
status = Path("/proc/self/status").read_text()
used = int(status.split("VmSize:")[1].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), resource.RLIM_INFINITY))
finished = {}
while not engine.idle:
    finished |= {one.task_id: one for one in engine.step()}
failed = [str(one.error) for one in finished.values() if one.error]
print(len(finished), max(starved), max(fitted), failed)
assert not failed
assert abs(finished["0"].image.astype(int) - alone.astype(int)).max() <= 2
"""


@pytest.mark.slow
def test_a_process_with_too_little_memory_makes_smaller_forwards_and_every_picture(tiny_folder):
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tiny_folder), str(25 * MEGABYTE)],
        cwd=Path(__file__).parents[3],
        # Large blocks go back to the system when they are freed, whatever the heap looks like.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    count, starved, fitted = map(int, run.stdout.split()[:3])
    assert count == 8
    assert fitted <= starved // 2
