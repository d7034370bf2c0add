"""Whole checkpoints, each one file dropped into a folder: by HTTP to a PNG equal to stock's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import checkpoints
from tests.checkpoints import Checkpoint
from tests.dropped.conftest import Stock
from tests.dropped.room import LEVELS, Room, difference, room_in

QUICK: dict[str, Checkpoint] = {"sd1": checkpoints.sd1()}
ASKED = {"prompt": "a photograph of an astronaut", "width": 64, "height": 64}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    data = tmp_path_factory.mktemp("dropped")
    for name, checkpoint in QUICK.items():
        checkpoint.save(data / "models" / f"{name}.safetensors")
    with room_in(data) as room:
        yield room


@pytest.mark.parametrize("name", QUICK)
def test_a_checkpoint_that_was_dropped_in_draws_as_stock_diffusers_does(
    room: Room, stock: Stock, name: str
):
    made = room.picture(model=name, seed=5, steps=3, **ASKED)
    file = room.site.data / "models" / f"{name}.safetensors"
    theirs = stock(QUICK[name], file, seed=5, num_inference_steps=3, guidance_scale=7.5, **ASKED)
    assert difference(made, theirs) <= LEVELS
