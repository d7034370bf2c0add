"""What is seen of pictures under way: previews, progress, how they end at a cancel; exact ones."""

from __future__ import annotations

import io
from base64 import b64decode

import httpx
import numpy as np
import pytest
from PIL import Image

from jobs.records.events import ENDED
from tests.running.clients.sse import Events
from tests.running.paths import API
from tests.running.waiting import until
from tests.worker.families.comparing.asking import USUAL, Fields, made, picture
from tests.worker.families.comparing.stock import FAMILIES
from tests.worker.families.conftest import TINY

QUICK = (TINY,)

NAMES = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
    for name in (*FAMILIES, TINY)
]


@pytest.mark.parametrize("name", NAMES)
def test_a_job_shows_previews_and_progress_and_ends_at_a_cancel(client: httpx.Client, name: str):
    # Loaded before, so that all of the events are of steps.
    picture(client, made(client, model=name, **USUAL, steps=1))
    long: Fields = {**USUAL, "model": name, "count": 4, "steps": 150, "preview_interval": 0.05}
    job = client.post(f"{API}/jobs", json=long).raise_for_status().json()
    seen: dict[str, Fields] = {}
    with client.stream("GET", job["urls"]["events"]) as stream:
        for event in Events(stream.iter_lines()).named("preview", "progress"):
            # The first progress is told while the prompt is read.
            if event["event"] == "preview" or event["data"]["progress"]["step"]:
                seen[event["event"]] = event["data"]
            if {"preview", "progress"} <= seen.keys():
                break
    small = np.asarray(Image.open(io.BytesIO(b64decode(seen["preview"]["image"].split(",")[-1]))))
    assert small.shape[2] == 3
    assert small.std() > 5
    if name == TINY:
        # At least as large as the picture, which no map of latents to colours makes.
        assert min(small.shape[:2]) >= USUAL["height"]
    client.post(job["urls"]["cancel"]).raise_for_status()
    until(lambda: client.get(job["urls"]["self"]).json()["status"] in ENDED)
    done = client.get(job["urls"]["self"]).json()
    assert (done["status"], done["outputs"]) == ("canceled", [])
    assert 0 < done["progress"]["step"] < done["progress"]["steps"]


@pytest.mark.parametrize("name", NAMES)
def test_an_exact_picture_is_the_same_to_the_bit_alone_and_among_others(
    client: httpx.Client, name: str
):
    asked: Fields = {**USUAL, "model": name, "steps": 6, "seed": 5, "exact": True}
    alone = picture(client, made(client, **asked))
    jobs = [made(client, **asked | {"seed": seed, "steps": 3 + seed}) for seed in range(4)]
    again = made(client, **asked)
    others = [picture(client, job) for job in jobs]
    assert np.array_equal(picture(client, again), alone)
    assert not any(np.array_equal(other, alone) for other in others)
