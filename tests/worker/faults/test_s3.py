"""The whole path with pictures in a bucket of a real S3 server, which goes away and comes back."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.running.hand_worker import png
from tests.running.paths import API
from tests.running.services.s3 import ObjectStore
from tests.running.site import Site, site_in
from tests.running.waiting import until

pytestmark = pytest.mark.timeout(300)

QUICK = {"prompt": "cat face, 3d", "steps": 4, "sampler": "ddim", "seed": 7}

SOON = 8.0
"""Seconds in which a store that does not answer is told of: the 5 that are promised, and what a
busy machine adds."""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path_factory.mktemp("s3"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def site(bucket: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server whose pictures are in the bucket."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.environment.items():
            patch.setenv(name, value)
        with site_in(tmp_path_factory.mktemp("site")) as site:
            yield site


@pytest.fixture(scope="module")
def api(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=30) as client:
        yield client


def finished(api: httpx.Client, job: httpx.Response) -> dict[str, Any]:
    assert job.status_code == 202, job.text
    path = f"{API}/jobs/{job.json()['id']}"
    until(lambda: api.get(path).json()["status"] in ("succeeded", "failed"), 60, every=0.1)
    return api.get(path).json()


def test_a_job_its_picture_and_what_it_starts_from_live_and_go_in_a_bucket(
    api: httpx.Client, bucket: ObjectStore, tmp_path: Path
):
    upload = "data:image/png;base64," + base64.b64encode(png(128, 128)).decode()
    starting = QUICK | {"kind": "image-to-image", "image": upload}
    done = finished(api, api.post(f"{API}/jobs", json=starting))
    assert done["status"] == "succeeded", done
    [output] = done["outputs"]
    stored = api.get(output["url"])
    assert stored.status_code == 200, stored.text
    assert Image.open(io.BytesIO(stored.content)).size == (output["width"], output["height"])
    small = api.get(f"{API}/images/{output['id']}", params={"format": "webp", "width": 64})
    assert small.status_code == 200, small.text
    assert Image.open(io.BytesIO(small.content)).width == 64
    part = api.get(output["url"], headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    again = finished(api, api.post(f"{API}/jobs", json=starting | {"image": output["id"]}))
    assert again["status"] == "succeeded", again
    assert len(bucket.objects()) == 4, "two pictures, and what each starts from"
    for job in (done, again):
        assert api.delete(f"{API}/jobs/{job['id']}").status_code == 204
    assert bucket.objects() == set()
    assert api.get(output["url"]).status_code == 404


@pytest.mark.fault
def test_a_bucket_that_is_away_for_a_while_costs_time_and_nothing_else(
    api: httpx.Client, bucket: ObjectStore, site: Site
):
    done = finished(api, api.post(f"{API}/jobs", json=QUICK))
    [output] = done["outputs"]
    upload = "data:image/png;base64," + base64.b64encode(png()).decode()
    with bucket.away():
        began = time.monotonic()
        with ThreadPoolExecutor() as callers:
            asked = [
                callers.submit(api.get, output["url"]),
                callers.submit(api.get, f"{API}/images/{output['id']}?format=jpeg&width=96"),
                callers.submit(api.delete, f"{API}/jobs/{done['id']}"),
                callers.submit(
                    api.post,
                    f"{API}/jobs",
                    json=QUICK | {"kind": "image-to-image", "image": upload},
                ),
            ]
            waiting = api.post(f"{API}/jobs", json=QUICK | {"seed": 8})
            answers = [each.result() for each in asked]
        assert time.monotonic() - began < SOON
        for answer in answers:
            assert answer.status_code == 503, answer.text
            assert answer.json()["type"] == "urn:darkroom:store-unavailable"
            assert int(answer.headers["Retry-After"]) > 0
        path = f"{API}/jobs/{waiting.json()['id']}"
        until(lambda: "cannot store a picture" in site.worker.log())
        assert api.get(path).json()["status"] == "running", "its picture is still to be stored"
    late = finished(api, waiting)
    assert (late["status"], late["attempts"]) == ("succeeded", 1)
    assert api.get(late["outputs"][0]["url"]).status_code == 200
    # The store may have carried out what nobody waited for any more; the caller asks again.
    assert api.delete(f"{API}/jobs/{done['id']}").status_code == 204
    assert not [key for key in bucket.objects() if done["id"] in key]
