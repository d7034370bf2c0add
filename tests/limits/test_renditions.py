"""Renditions of a huge picture, asked for by a crowd: some get it, the others are asked to wait."""

from __future__ import annotations

import io
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import httpx
import pytest
from PIL import Image

from darkroom.supervision.redis_server import RedisServer
from jobs.pictures import turns
from jobs.pictures.image_store import ImageStore, image_id
from jobs.pictures.turns import Busy, Turns
from jobs.queue.queue import new_job_id
from server.pages.renditions import Renditions, step
from tests.running.api import gunicorn

CROWD = 60
"""Nearly twice the threads of a server with one event stream."""


def test_a_crowd_at_one_huge_picture_keeps_neither_health_nor_others_waiting(
    redis_server: RedisServer, tmp_path: Path
):
    image = image_id(new_job_id(), 0)
    file = io.BytesIO()
    Image.new("RGB", (2000, 2000), "red").save(file, "PNG", compress_level=1)
    ImageStore(str(tmp_path / "images")).put(image, file.getvalue())
    with (
        gunicorn(redis_server.url, tmp_path, sse_clients=1) as server,
        httpx.Client(timeout=60) as client,
    ):
        url = f"{server.url}/api/v1"

        def ask(number: int) -> httpx.Response:
            query = {"format": "webp", "width": 100 + 10 * number}
            return client.get(f"{url}/images/{image}", params=query)

        with ThreadPoolExecutor(CROWD) as crowd:
            asked = [crowd.submit(ask, number) for number in range(CROWD)]
            while not any(each.done() for each in asked):
                time.sleep(0.01)
            began = time.monotonic()
            assert client.get(f"{url}/health").status_code == 200
            assert client.get(f"{url}/jobs").status_code == 200
            took = time.monotonic() - began
            left = sum(not each.done() for each in asked)
            answers = [each.result() for each in asked]
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 503}, counted
    assert all("Retry-After" in each.headers for each in answers if each.status_code == 503)
    assert left > 0 or took < 5, "others were answered before the crowd"


def test_what_one_makes_the_others_at_the_same_picture_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[int | None] = []

    def render(png: bytes, format: str, width: int | None) -> bytes:
        made.append(width)
        time.sleep(0.1)
        return b"made"

    monkeypatch.setattr("server.pages.renditions.render", render)
    store = ImageStore(str(tmp_path))
    image = image_id(new_job_id(), 0)
    store.put(image, b"picture")
    renditions = Renditions(store)
    clients = [Thread(target=renditions.get, args=(image, "webp", 256 + n)) for n in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert made == [256]


@pytest.mark.parametrize(
    ("asked", "given"), [(1, 1), (5, 4), (320, 256), (400, 384), (2047, 1536), (2048, 2048)]
)
def test_widths_are_few_and_never_more_than_asked_for(asked: int, given: int):
    assert step(asked) == given
    assert len({step(width) for width in range(1, 4097)}) < 30


def test_who_waits_too_long_or_behind_too_many_is_sent_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    here = Turns()
    with here.take("one"), pytest.raises(Busy), here.take("one"):
        pass
    monkeypatch.setattr(turns, "INSIDE", 1)
    monkeypatch.setattr(turns, "PATIENCE", 60)
    with here.take("one"), pytest.raises(Busy), here.take("two"):
        pass
    with here.take("one"):
        pass
