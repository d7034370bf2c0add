"""Pipelines that run whole beside one whose pictures share forwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from benchmarks.engine.studio import Studio
from jobs.request.model_card import Kind
from tests.engine.helpers import difference
from tests.features.development import KINDS, photograph, right_half
from tests.features.table import RUN_WHOLE, Cell, cells
from tests.tiny.pipelines.pipelines import (
    save_tiny_edm,
    save_tiny_pixart,
)
from worker.engine import TOLERANCE
from worker.models.tables import ModelEntry

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own DPM-Solver.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAVERS: dict[str, Callable[[Path], Path]] = {
    "pixart": save_tiny_pixart,
    "edm": save_tiny_edm,
}
SIDES = {"pixart": 256, "edm": 32}
"""Pixels: PixArt goes to the sizes that it was trained at."""


@pytest.fixture(scope="session")
def whole(
    folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Studio]:
    """A studio with such a pipeline and a tiny model of the family sd1."""
    home = tmp_path_factory.mktemp("pipelines")

    def open_studio(pipeline: str) -> Studio:
        SAVERS[pipeline](home / pipeline)
        small = folder("sd1")
        return Studio(
            ModelEntry(name=pipeline, base=home, source=pipeline),
            ModelEntry(name="sd1", base=small.parent, source=small.name),
        )

    return cache(open_studio)


def quick(cell: Cell) -> bool:
    """Pictures from words and from a picture, of the pipeline that makes small ones."""
    return cell.row == "edm" and cell.column in ("text-to-image", "inpaint")


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=str(cell), marks=[] if quick(cell) else [pytest.mark.slow])
        for cell in cells(RUN_WHOLE)
    ],
)
def test_the_picture_of_a_whole_pipeline_is_the_same_alone_and_among_others(
    whole: Callable[[str], Studio], cell: Cell
):
    here, side = whole(cell.row), SIDES[cell.row]
    kind = cast(Kind, cell.column)
    fields = {"prompt": "a red apple", "steps": 5, "kind": kind, **KINDS[kind]}
    pictures = {} if kind == "text-to-image" else {"/image": photograph(side)}
    if kind == "inpaint":
        pictures["/mask"] = right_half(side)
    if kind in ("text-to-image", "image-to-image", "variations"):
        fields |= {"width": side, "height": side}
    order = here.order(pictures, seed=5, **fields)
    others = {
        "another": here.order(pictures, seed=6, **fields),
        "batched": here.order(model="sd1", prompt="a cat face", seed=7, steps=4),
    }
    alone = here.develop({"one": order})["one"]
    made = here.develop({"one": order, **others})
    assert difference(alone, made["one"]) <= TOLERANCE
    assert alone.shape == (order.request.height, order.request.width, 3)
    assert alone.std() > 1
    assert difference(alone, made["another"]) > TOLERANCE
