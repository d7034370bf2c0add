"""What an earlier version left in Redis is found, and finished by this one's worker."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.running.paths import API
from tests.running.site import site_in
from tests.running.waiting import until

pytestmark = pytest.mark.timeout(300)

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "jobs.json").exists())
"""As `record.py` recorded them."""


@pytest.fixture(scope="module", params=VERSIONS)
def left(request: pytest.FixtureRequest) -> Path:
    return HERE / request.param


@pytest.fixture(scope="module")
def jobs(left: Path) -> dict[str, Any]:
    return json.loads((left / "jobs.json").read_text())


@pytest.fixture(scope="module")
def api(left: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Today's server, started on the data that the earlier one left."""
    data = tmp_path_factory.mktemp("data")
    (data / "redis").mkdir()
    # A snapshot is how an append-only file may begin.
    shutil.copy(left / "redis.rdb", data / "redis" / "appendonly.aof")
    shutil.copytree(left / "images", data / "images")
    with site_in(data) as site, httpx.Client(base_url=site.url, timeout=30) as client:
        yield client


@pytest.mark.slow
def test_jobs_that_waited_or_ran_are_made(api: httpx.Client, jobs: dict[str, Any]):
    # What ran is found when its lease has lapsed.
    for job_id in (*jobs["queued"], jobs["interrupted"]):
        path = f"{API}/jobs/{job_id}"
        until(lambda path=path: api.get(path).json()["status"] in ("succeeded", "failed"), 90)
        job = api.get(path).json()
        assert job["status"] == "succeeded", job
        assert job["attempts"] == (2 if job_id == jobs["interrupted"] else 1)
        for output in job["outputs"]:
            Image.open(io.BytesIO(api.get(output["url"]).content)).verify()


def test_jobs_that_had_ended_are_what_they_were(api: httpx.Client, jobs: dict[str, Any]):
    for job_id, shown in jobs["shown"].items():
        now = api.get(f"{API}/jobs/{job_id}").json()
        for field in ("status", "kind", "created_at", "finished_at", "error", "attempts"):
            assert now[field] == shown[field], field
        assert now["input"].items() >= shown["input"].items()
        assert [each["id"] for each in now["outputs"]] == [each["id"] for each in shown["outputs"]]
    [output] = api.get(f"{API}/jobs/{jobs['done']}").json()["outputs"]
    assert api.get(output["url"]).status_code == 200


def test_all_are_listed_and_found_and_may_be_deleted(api: httpx.Client, jobs: dict[str, Any]):
    everything = {jobs["done"], jobs["canceled"], jobs["interrupted"], *jobs["queued"]}

    def found(**query: str) -> set[str]:
        return {job["id"] for job in api.get(f"{API}/jobs", params=query).json()["jobs"]}

    until(lambda: found() == everything)
    until(lambda: found(q="apple") == {jobs["done"]})
    assert found(status="canceled") == {jobs["canceled"]}
    assert api.delete(f"{API}/jobs/{jobs['done']}").status_code == 204
    assert found(q="apple") == set()
