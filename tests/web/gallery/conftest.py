"""The gallery and its viewer on a real API, with five thousand pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from server.pages.page import FOLDER
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.services.redis import redis_in
from tests.web.gallery.wall import Wall, fill


@pytest.fixture(scope="session")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    """One for a test process: to make its pictures takes a while."""
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    data = tmp_path_factory.mktemp("data")
    store = ImageStore(str(data / "images"))
    with redis_in(data / "redis") as redis, connect(redis.url) as client:
        worker = HandWorker(client, store)
        worker.advertise()
        with gunicorn(redis.url, data) as server:
            wall = Wall(server.url, client, worker)
            fill(wall, data / "images")
            yield wall


@pytest.fixture
def site(browser: Browser, wall: Wall) -> Wall:
    """The server that `visit` goes to."""
    wall.worker.advertise()
    return wall
