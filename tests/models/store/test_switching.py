"""Switching models in a process of its own: other tests' memory is not this one's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.helpers import REPOSITORY, WriteModels

SWITCH = """
import json, sys, time
from pathlib import Path

import pytest
import psutil, torch
from worker.engine import Engine, ImageRequest
from worker.models.catalogue import read_catalogue
from worker.models.loading.memory.free import freeze_libraries
from worker.models.files.sources import locate
from worker.models.store.model_store import ModelStore

torch.set_num_threads(1)
catalogue = read_catalogue(Path(sys.argv[1]))
one_bytes = 4 * locate(catalogue["a"]).parameters()
freeze_libraries()
store = ModelStore(catalogue, torch.device("cpu"), limit_bytes=int(1.5 * one_bytes))
engine, process, resident = Engine(store), psutil.Process(), []
for number in range(int(sys.argv[2])):
    name = "ab"[number % 2]
    engine.add(str(number), ImageRequest(name, "a cat", "", 16, 16, 2, 4.0, number, "euler"))
    finished = []
    while not engine.idle:
        finished += engine.step()
        if engine.waiting:
            time.sleep(0.002)
    assert [each.error for each in finished] == [None]
    assert store.warm() == [name]
    resident.append(process.memory_info().rss)
store.close()
print(json.dumps(resident))
"""

SWITCHES = 50
WARM_UP = 6
"""Switches until the allocator and the libraries' caches have what they keep."""

MEGABYTE = 10**6

ALLOWED = 6 * MEGABYTE
"""What the allocator may be at odds with itself; the tiny UNet alone takes 1.7 MB, each time that
it is kept."""


def resident_bytes(models: Path, switches: int) -> list[int]:
    """Resident memory after each switch to the other of two models, each making a picture."""
    done = subprocess.run(
        [sys.executable, "-c", SWITCH, str(models), str(WARM_UP + switches)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_over_fifty_switches_between_two_models(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    write_models(a={"source": str(tiny_folder)}, b={"source": str(tiny_folder)})
    resident = resident_bytes(tmp_path / "models.toml", SWITCHES)
    grown = resident[-1] - resident[WARM_UP - 1]
    assert grown < ALLOWED, [round(each / MEGABYTE, 1) for each in resident]
