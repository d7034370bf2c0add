"""The recipe of the adapters at a tiny size: what it writes is what stock diffusers loads."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.recipe import __main__ as recipe
from models.recipe import data, export
from models.recipe.adapters import __main__ as adapters
from models.recipe.adapters import fitting
from models.recipe.adapters.looks import asked, drawing, measures
from models.recipe.adapters.settings import PRESETS
from models.recipe.adapters.shown.ink import ink
from models.recipe.settings import PRESETS as MODELS
from tests.model.plain import prepare

# diffusers' DPM-Solver++ calls numpy on a tensor in a way that numpy 2 is about to end.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 2
KINDS = ("style", "edges", "reference")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared file of plain pictures and a tiny model that nobody trained."""
    home = tmp_path_factory.mktemp("adapters")
    prepare(home / "emoji.npz", ["3d", "flat"])
    begun = argparse.Namespace(init=None, work=home / "run", seed=0)
    model = recipe.start(MODELS["tiny"], data.load(home / "emoji.npz"), begun)
    export.export(model, home / "model")
    return home


def fitted(home: Path, work: Path, output: Path, *kinds: str) -> int:
    flags = ["--preset", "tiny", "--stages", "fit", "--kind", ",".join(kinds or KINDS)]
    flags += ["--data", str(home / "emoji.npz"), "--base", str(home / "model")]
    return adapters.main(
        [*flags, "--work", str(work), "--output", str(output), "--steps", str(STEPS)]
    )


@pytest.fixture(scope="module")
def output(home: Path) -> Path:
    assert fitted(home, home / "work", home / "output") == 0
    return home / "output"


@pytest.mark.parametrize("kind", KINDS)
def test_stock_diffusers_loads_what_is_written_and_draws_otherwise(
    home: Path, output: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drawing, "STEPS", 2)
    art = data.load(home / "emoji.npz")
    words, given, _ = adapters.cards.questions(kind, art, PRESETS["tiny"])
    words, given = words[:1], given[:1]
    folder = output / adapters.NAMES[kind]
    plain, other = (
        drawing.drawer(with_it, home / "model", folder)(words, given, 0) for with_it in (None, kind)
    )
    assert plain.shape == other.shape == (1, 3, 32, 32)
    assert not torch.equal(plain, other)


@pytest.mark.slow
def test_a_fitting_that_stopped_continues_to_the_bit(
    home: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, calls = fitting.error, 0

    def error_during_which_the_machine_shuts_down(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(fitting, "error", error_during_which_the_machine_shuts_down)
    # What is shown is made anew too, by the same seed.
    assert fitted(home, tmp_path / "work", tmp_path / "output", "reference") == 1
    assert not (tmp_path / "output").exists()
    assert fitted(home, tmp_path / "work", tmp_path / "output", "reference") == 0
    assert calls == STEPS
    for file in ("ip-adapter.safetensors", "image_encoder/model.safetensors"):
        straight, resumed = (
            load_file(folder / "likeness" / file) for folder in (output, tmp_path / "output")
        )
        assert all(torch.equal(tensor, resumed[name]) for name, tensor in straight.items())


def test_ink_is_black_on_white_whatever_the_colour_was():
    art = np.zeros((128, 128, 4), np.uint8)
    art[32:96, 32:96] = (250, 200, 40, 255)
    drawn = ink(art)
    assert (drawn[..., 0] == drawn[..., 2]).all()
    assert drawn[:20].min() == 255  # nothing round it
    assert drawn[64, 30:34].min() < 40  # its outline
    assert drawn[60:68, 60:68].min() > 240  # its inside


def test_edges_count_where_they_were_asked_for(home: Path):
    _, drawn = asked.along(data.load(home / "emoji.npz"))
    square = torch.full((1, 3, 128, 128), 255, dtype=torch.uint8)
    square[..., 32:96, 32:96] = 0
    lines = np.zeros((128, 128), np.uint8)
    lines[31:97, 31:97], lines[33:95, 33:95] = 255, 0
    assert len(drawn) == 8
    assert measures.along(square, [lines]) > 0.95
    assert measures.along(square, [np.roll(lines, 20, 1)]) < 0.7
    assert measures.colourful(square) == 0
    square[:, 1] = 255
    assert measures.colourful(square) == 255
