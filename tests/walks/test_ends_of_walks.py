"""How walks end before their time: canceled, refused by a quota, gone when their days are over."""

from __future__ import annotations

from typing import Any

import httpx

from jobs.pictures.image_store import ImageStore
from tests.running.api import gunicorn
from tests.running.clients.jobs import succeeded
from tests.running.paths import API
from tests.running.site import Site
from tests.running.waiting import until
from worker.loop.retention import Retention

WALK: dict[str, Any] = {"kind": "walk", "prompt": "red apple, 3d", "seed": 7, "sampler": "ddim"}


def walk(frames: int) -> dict[str, Any]:
    return {"walk": {"over": "seeds", "seed": 8, "frames": frames}}


def test_a_canceled_walk_stops_and_has_no_film(client: httpx.Client):
    asked = WALK | walk(8) | {"steps": 60}
    job = client.post(f"{API}/jobs", json=asked).raise_for_status().json()
    until(lambda: client.get(job["urls"]["self"]).json()["status"] == "running", 60)
    client.post(job["urls"]["cancel"]).raise_for_status()
    until(lambda: client.get(job["urls"]["self"]).json()["status"] == "canceled", 60)
    ended = client.get(job["urls"]["self"]).json()
    assert len(ended["outputs"]) < 8
    assert ended["files"] == []


def test_a_walk_counts_as_many_pictures_as_it_has(site: Site):
    with (
        gunicorn(site.redis_url, site.data, pictures_per_day=5) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        sent = [client.post(f"{API}/jobs", json=WALK | walk(each)) for each in (6, 3, 3, 2)]
        traced = client.post(f"{API}/jobs", json={"prompt": "x", "count": 3, "trace": True})
    assert [each.status_code for each in sent] == [422, 202, 429, 202]
    for answer, pointer in ((sent[0], "/walk"), (traced, "/trace")):
        [error] = answer.json()["errors"]
        assert error["pointer"] == pointer
        assert "count as 6 pictures; 5 is the limit" in error["detail"]
    assert int(sent[2].headers["Retry-After"]) > 0


def test_a_walk_goes_with_its_strip_when_its_days_are_over(client: httpx.Client, site: Site):
    job = succeeded(client, **WALK | walk(2) | {"steps": 2})
    files = [path for path in (site.data / "images").rglob(f"{job['id']}-*") if path.is_file()]
    assert len(files) == 4
    store = ImageStore(str(site.data / "images"))
    assert Retention(site.redis, store, keep_days=1).run() == 0
    old = Retention(site.redis, store, keep_days=1)
    old.keep_days = 0.0000001  # as if days were over at once
    assert old.run() >= 1
    assert client.get(f"{API}/jobs/{job['id']}").status_code == 404
    assert client.get(job["files"][0]["url"]).status_code == 404
    assert not [path for path in files if path.exists()]
