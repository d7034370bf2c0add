"""Files that are dropped while the server runs: on an open phone's page, and in pictures that are
equal to stock's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dropped.conftest import Stock
from tests.dropped.dropping.everything import everything, write
from tests.dropped.dropping.looking import dropped, far, opened, phone
from tests.dropped.dropping.room import LEVELS, Room, room_in


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("running")) as room:
        yield room


@pytest.mark.slow
def test_a_checkpoint_and_a_loha_come_in_while_a_phone_looks_and_draw_as_stock_does(
    room: Room, stock: Stock, tmp_path: Path
):
    every = everything()
    base = write("dream", every["dream"], tmp_path, None)
    loha = write("ink", every["ink"], tmp_path, opened(stock, base))
    with phone(room.site.url) as page:
        for file in (base, loha):
            dropped(file, room.site.data / "models", every[file.stem], page)
    for file in (base, loha):
        assert far(room, stock, every[file.stem], base, file) <= LEVELS
