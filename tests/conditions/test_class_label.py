"""A condition other than words, as docs/architecture.md adds one: the class of a picture."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from tests.conditions.by_hand import USUAL, pipeline_of, walked, words
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE

HERE = USUAL | {"model": "classes"}
NONE = 4


def test_a_picture_has_the_class_that_it_is_told(site: Site, client: httpx.Client):
    before = settled(client, "classes")
    with site.worker.held():
        jobs = [made(client, **HERE, class_label=label) for label in (0, 3, None)]
    ours = [picture(client, job) for job in jobs]
    total, forwards = rows_since(client, "classes", before, 3 * 2 * 6)
    assert total == 3 * 2 * 6
    assert forwards < 3 * 6
    pipeline = pipeline_of(site.data / "classes")
    read = torch.cat([words(pipeline, text) for text in ("blue", "a red apple")])
    for one, label in zip(ours, (0, 3, NONE), strict=True):
        told = torch.tensor([NONE, label])

        def predict(latents: torch.Tensor, timestep: torch.Tensor, told: torch.Tensor = told):
            rows = latents.expand(2, -1, -1, -1)
            without, towards = pipeline.unet(rows, timestep, read, class_labels=told).sample
            return (without + 5.0 * (towards - without))[None]

        by_hand = walked(pipeline, predict, steps=6, seed=4, size=(32, 32))
        assert difference(one, by_hand) <= TOLERANCE, label
    assert difference(ours[0], ours[1]) > TOLERANCE
    kept = client.get(ended(client, jobs[1])["outputs"][0]["url"]).content
    assert "Class label: 3" in Image.open(io.BytesIO(kept)).text["parameters"]
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours[1])
    cards = client.get(f"{API}/models").json()["models"]
    assert {each["name"]: each["classes"] for each in cards} == {"classes": 4, "sd1": 0, "sd3": 0}


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"class_label": 4}, "at most 3"), ({"class_label": 0, "model": "sd1"}, "no classes")],
)
def test_a_class_that_is_not_there_is_refused(client: httpx.Client, fields: Fields, said: str):
    answer = client.post(f"{API}/jobs", json=HERE | fields)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/class_label"
    assert said in error["detail"]
