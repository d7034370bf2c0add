"""Renditions on disk: after a restart none is made again, and they never take more than a bound."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread

import pytest
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue.queue import new_job_id
from server.pages import kept_renditions, renditions
from server.pages.kept_renditions import KeptRenditions, Rendition
from server.pages.renditions import Renditions
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from tests.running.waiting import until

LIMIT = 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "renditions"


def names(count: int) -> list[Rendition]:
    return [Rendition(image_id(new_job_id(), 0), "webp", 64) for _ in range(count)]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


def test_after_a_restart_a_rendition_comes_from_the_disk_and_goes_with_its_picture(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
):
    worker = HandWorker(redis, ImageStore(str(tmp_path / "images")))
    worker.advertise()
    with gunicorn(redis_server.url, tmp_path) as server, server.client() as client:
        job = client.post("/jobs", json={"prompt": "a cat"}).json()["id"]
        [image] = worker.run(job)
        small = f"{API}/images/{image}?format=webp&width=32"
        made = client.get(f"{server.url}{small}").content
        assert made.startswith(b"RIFF")
        [kept] = files(tmp_path / "renditions")
        server.stop()
        # What would be made anew would not say so.
        kept.write_bytes(b"from the disk")
        server.start()
        assert client.get(f"{server.url}{small}").content == b"from the disk"
        assert client.delete(f"/jobs/{job}").status_code == 204
        assert files(tmp_path / "renditions") == []
        assert client.get(f"{server.url}{small}").status_code == 404


def test_what_was_used_longest_ago_goes_first_and_all_stays_within_the_limit(folder: Path):
    kept = KeptRenditions(folder, LIMIT)
    used, *others = names(60)
    kept.keep(used, bytes(5000))
    for age, name in enumerate(others):
        kept.keep(name, bytes(5000))
        for path in folder.rglob(f"{name.image}.*"):
            os.utime(path, (age, age))
        assert kept.read(used), "it was used just now"
        assert size(folder) <= LIMIT
    assert size(folder) > LIMIT * 0.8
    assert kept.read(others[0]) is None
    assert kept.read(others[-1])


def test_processes_that_share_the_folder_share_the_limit(folder: Path):
    processes = [KeptRenditions(folder, LIMIT) for _ in range(4)]
    for number, name in enumerate(names(80)):
        processes[number % 4].keep(name, bytes(5000))
        assert size(folder) <= LIMIT * (1 + 4 / kept_renditions.SHARE)


def test_renditions_give_way_where_the_disk_runs_short(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = KeptRenditions(folder, LIMIT)
    for name in names(10):
        kept.keep(name, bytes(5000))
    monkeypatch.setattr(kept_renditions, "RESERVE", 2**62)
    kept.keep(names(1)[0], bytes(5000))
    assert files(folder) == []


def test_a_disk_that_keeps_nothing_harms_nobody(tmp_path: Path, folder: Path):
    # As a read-only or full one: nothing can be made there.
    folder.write_text("no folder")
    store = ImageStore(str(tmp_path / "images"))
    image = image_id(new_job_id(), 0)
    store.put(image, png())
    made = Renditions(store, KeptRenditions(folder, LIMIT))
    first = made.get(image, "webp", 32)
    assert made.get(image, "webp", 32) is first
    made.forget(image)
    made.sweep()


def test_what_an_older_kind_of_rendering_made_is_not_served_and_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    [name, *others] = names(40)
    KeptRenditions(folder, LIMIT).keep(name, b"old")
    monkeypatch.setattr(kept_renditions, "KIND", "newer")
    kept = KeptRenditions(folder, LIMIT)
    assert kept.read(name) is None
    for other in others:
        kept.keep(other, bytes(5000))
    assert not list(folder.glob(f"1/*/{name.image}.*"))


def test_renditions_of_pictures_that_others_deleted_are_found(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    store = ImageStore(str(tmp_path / "images"))
    gone, stays = image_id(new_job_id(), 0), image_id(new_job_id(), 0)
    made = Renditions(store, KeptRenditions(folder, LIMIT))
    for image in (gone, stays):
        store.put(image, png())
        made.get(image, "webp", 32)
    store.delete(gone)
    monkeypatch.setattr(renditions, "SWEEP_EVERY", 0.01)
    leaving = Event()
    sweeping = Thread(target=made.sweep_until, args=(leaving,))
    sweeping.start()
    until(lambda: len(files(folder)) == 1, 10)
    leaving.set()
    sweeping.join()
    assert files(folder)[0].name.startswith(stays)
