"""The gallery and its viewer on a real API, with very many pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from server.pages.page import FOLDER
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.services.redis import redis_in
from tests.web.gallery.wall import MANY, Wall, fill

Walls = Callable[[int], Wall]


@pytest.fixture(scope="session")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walls]:
    """A wall of so many pictures, one for a test process: to make them takes a while."""
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    with ExitStack() as standing:
        yield cache(
            lambda many: standing.enter_context(walled(tmp_path_factory.mktemp("data"), many))
        )


@contextmanager
def walled(data: Path, many: int) -> Iterator[Wall]:
    """A server with so many pictures."""
    store = ImageStore(str(data / "images"))
    with redis_in(data / "redis") as redis, connect(redis.url) as client:
        worker = HandWorker(client, store)
        worker.advertise()
        with gunicorn(redis.url, data) as server:
            wall = Wall(server.url, client, worker)
            fill(wall, data / "images", many)
            yield wall


@pytest.fixture
def site(request: pytest.FixtureRequest, browser: Browser, walls: Walls) -> Wall:
    """The server that `visit` goes to; a test may say of how many pictures."""
    wall = walls(getattr(request, "param", MANY))
    wall.worker.advertise()
    return wall
