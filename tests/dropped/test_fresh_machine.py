"""`darkroom up` with an empty folder and no internet, and what people have: each kind of file is on
a phone's page within seconds, and draws as stock diffusers does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.checkpoints import files as checkpoints
from tests.dropped.conftest import Stock
from tests.dropped.dropping.everything import everything, write
from tests.dropped.dropping.looking import SEED, STEPS, dropped, far, opened, phone
from tests.dropped.dropping.room import LEVELS, Room, difference
from tests.dropped.test_checkpoints import ASKED
from tests.running.addresses import free_port
from tests.running.processes.up import Running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

WITHIN = 5.0
"""Seconds until a file that was dropped is on a page that is open."""


class Machine(Room):
    """A server started by its own command, and its folder of models."""

    def __init__(self, up: Running, client: httpx.Client) -> None:
        self.client = client
        self.up = up
        self.folder = Path(up.environment["DATA"]) / "models"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    data = tmp_path_factory.mktemp("fresh") / "data"
    up = Running(data, free_port(), HF_HUB_OFFLINE="1", MODEL_SEARCH="false")
    try:
        up.wait_until(up.ready, 180)
        headers = {"Prefer": "wait=60"}
        with httpx.Client(base_url=up.url, timeout=300, headers=headers) as client:
            yield Machine(up, client)
    finally:
        up.end()


def test_every_kind_of_file_is_on_a_phone_in_five_seconds_and_draws_as_stock_does(
    machine: Machine, stock: Stock, tmp_path: Path
):
    every = everything()
    base = write("dream", every["dream"], tmp_path, None)
    pipe = opened(stock, base)
    files = {name: write(name, of, tmp_path, pipe) for name, of in every.items()}
    with phone(machine.up.url) as page:
        took = {name: dropped(files[name], machine.folder, of, page) for name, of in every.items()}
    print({name: round(seconds, 1) for name, seconds in took.items()})
    levels = {name: far(machine, stock, of, base, files[name]) for name, of in every.items()}
    assert {name: each for name, each in levels.items() if each > LEVELS} == {}
    plain = machine.picture(model="dream", seed=SEED, steps=STEPS, **ASKED)
    for name in ("ink", "paper", "edges", "clear", "bad-hands"):
        asked = ASKED | dict(every[name].asked)
        other = machine.picture(model="dream", seed=SEED, steps=STEPS, **asked)
        assert difference(plain, other) > LEVELS, name
    assert {name: each for name, each in took.items() if each > WITHIN} == {}


def test_stable_diffusion_1_5_in_full_size_draws_as_stock_does(machine: Machine, stock: Stock):
    file = full_size()
    machine.folder.mkdir(exist_ok=True)
    (machine.folder / "full.safetensors").symlink_to(file)
    machine.up.wait_until(lambda: "full" in machine.models(), 120)
    assert machine.models()["full"]["bytes"] > 2e9
    made = machine.picture(model="full", seed=SEED, steps=STEPS, **ASKED)
    said = {"guidance_scale": 7.5, "num_inference_steps": STEPS, "seed": SEED} | ASKED
    assert difference(made, stock(checkpoints.sd15(), file, **said)) <= LEVELS


def full_size() -> Path:
    """A random Stable Diffusion 1.5 of 2 GB, kept for the next time."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    file = home / "darkroom" / "random-sd15.safetensors"
    if not file.exists():
        part = file.with_suffix(".part")
        checkpoints.sd15().save(part)
        part.rename(file)
    return file
