"""A server with files of models dropped into its folders."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny.model import save_tiny_model

LEVELS = 2
"""The most that a picture may differ from stock diffusers', of 255."""

Pixels = np.ndarray[Any, Any]


class Room:
    """A running server and what it answers."""

    def __init__(self, site: Site, client: httpx.Client) -> None:
        self.site = site
        self.client = client

    def models(self) -> dict[str, dict[str, Any]]:
        listed = self.client.get(f"{API}/models").raise_for_status().json()
        return {each["name"]: each for each in listed["models"]}

    def job(self, **asked: Any) -> dict[str, Any]:
        """The job that was asked for, when it has ended."""
        job = self.client.post(f"{API}/jobs", json=asked).raise_for_status().json()
        while job["status"] in ("queued", "running"):
            job = self.client.get(job["urls"]["self"], params={"wait": 60}).json()
        return job

    def png(self, **asked: Any) -> bytes:
        job = self.job(**asked)
        assert job["status"] == "succeeded", job["error"]
        return self.client.get(job["outputs"][0]["url"]).content

    def picture(self, **asked: Any) -> Pixels:
        return pixels(self.png(**asked))


def pixels(png: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def difference(one: Pixels, other: Pixels) -> int:
    """The most that two pictures differ by, of 255."""
    assert one.shape == other.shape
    # Two grey squares would be equal as well.
    assert one.std() > 5
    return int(abs(one - other).max())


@contextmanager
def room_in(data: Path, **settings: object) -> Iterator[Room]:
    """A server whose folders of models are filled already, and a tiny model for its default."""
    save_tiny_model(data / "tiny")
    models = data / "models.toml"
    if not models.exists():
        models.write_text('default = "tiny"\n[models.tiny]\nsource = "tiny"\n')
    headers = {"Prefer": "wait=60"}
    with (
        site_in(data, models=models, **settings) as site,
        httpx.Client(base_url=site.url, timeout=200, headers=headers) as client,
    ):
        yield Room(site, client)
