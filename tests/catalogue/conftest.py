"""A server whose models come and go: its own models.toml, a folder for files, and a worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from safetensors.torch import load_file, save_file

from jobs.records.events import ENDED
from tests.running.kept import Kept
from tests.running.paths import API
from tests.running.processes.up import command
from tests.running.site import Site, site_in
from tests.running.waiting import until
from tests.tiny.model import save_tiny_model

PICTURE = {"prompt": "a red apple", "steps": 4, "sampler": "ddim", "seed": 7}
LONG = PICTURE | {"steps": 40, "width": 64, "height": 64}
"""Takes a second or more, so that something can happen while it is made."""

ENDLESS = PICTURE | {"steps": 150, "width": 128, "height": 128, "count": 16}
"""Takes minutes on any machine: what waits behind it waits until it is canceled."""


class Shop:
    """The server by HTTP, and the files that its owner changes beside it."""

    def __init__(self, http: httpx.Client, site: Site, home: Path) -> None:
        self.http = http
        self.site = site
        self.redis = site.redis
        self.home = home
        self.toml = home / "models.toml"
        self.dropped = home / "data" / "models"

    def write(self, text: str) -> None:
        """Save models.toml as an editor does."""
        new = self.toml.with_suffix(".new")
        new.write_text(text)
        new.replace(self.toml)

    def command(self, *words: str) -> str:
        """A `darkroom models` command of the machine's owner; returns what it says."""
        done = command(
            *("models", *words),
            REDIS_URL=self.site.redis_url,
            DATA=str(self.home / "data"),
            MODELS=str(self.toml),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def models(self) -> dict[str, dict[str, Any]]:
        answer = self.http.get(f"{API}/models").raise_for_status()
        return {each["name"]: each for each in answer.json()["models"]}

    def submit(self, **fields: Any) -> str:
        answer = self.http.post(f"{API}/jobs", json=PICTURE | fields)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.http.get(f"{API}/jobs/{job_id}").raise_for_status().json()

    def cancel(self, job_id: str) -> None:
        self.http.post(f"{API}/jobs/{job_id}/cancel").raise_for_status()
        assert self.ended(job_id)["status"] == "canceled"

    def ended(self, job_id: str) -> dict[str, Any]:
        until(lambda: self.job(job_id)["status"] in ENDED, 120)
        return self.job(job_id)

    def begun(self, job_id: str, step: int = 1) -> int:
        """Wait until the job has made this many steps; returns how many it has."""
        until(lambda: (self.job(job_id)["progress"] or {}).get("step", 0) >= step, 120)
        return self.job(job_id)["progress"]["step"]

    def pixels(self, job_id: str) -> bytes:
        """The picture of a job that succeeds, as it is stored."""
        job = self.ended(job_id)
        assert job["status"] == "succeeded", job["error"]
        answer = self.http.get(job["outputs"][0]["url"]).raise_for_status()
        return answer.content

    def make(self, **fields: Any) -> bytes:
        return self.pixels(self.submit(**fields))


def other_weights(folder: Path) -> None:
    """Give the model in `folder` weights that make other pictures, as a new version would."""
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = {name: tensor * 0.5 for name, tensor in load_file(file).items()}
    new = file.with_suffix(".new")
    save_file(weights, new, metadata={"format": "pt"})
    new.replace(file)


@pytest.fixture(scope="module")
def running(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return kept.one("catalogue", lambda: opened(tmp_path_factory.mktemp("shop")))


@contextmanager
def opened(home: Path) -> Iterator[Shop]:
    """A server with one model."""
    save_tiny_model(home / "tiny")
    (home / "models.toml").write_text('[models.first]\nsource = "tiny"\n')
    (home / "data").mkdir()
    with (
        site_in(home / "data", models=home / "models.toml", capacity=1) as site,
        httpx.Client(base_url=site.url, timeout=60) as http,
    ):
        yield Shop(http, site, home)


@pytest.fixture
def shop(running: Shop) -> Shop:
    """The server with one model, `first`, its default, and nothing dropped."""
    shutil.rmtree(running.dropped, ignore_errors=True)
    running.write('[models.first]\nsource = "tiny"\n')
    until(lambda: list(running.models()) == ["first"])
    return running
