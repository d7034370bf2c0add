"""FreeU and perturbed attention, by HTTP to stock diffusers."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from PIL import Image

from tests.conditions.by_hand import pipeline_of, seeded
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE

USUAL: Fields = {
    "model": "sd1",
    "prompt": "a red apple",
    "negative_prompt": "blue",
    "width": 32,
    "height": 32,
    "steps": 6,
    "sampler": "ddim",
    "guidance_scale": 5.0,
    "seed": 4,
}
FREEU = {"b1": 1.4, "b2": 1.6, "s1": 0.9, "s2": 0.2}


def stock(pipeline: Any, **options: Any) -> np.ndarray[Any, Any]:
    asked = {
        "prompt": "a red apple",
        "negative_prompt": "blue",
        "width": 32,
        "height": 32,
        "num_inference_steps": 6,
        "guidance_scale": 5.0,
        "generator": seeded(4),
    }
    return np.asarray(pipeline(**asked | options).images[0])


def test_freeu_and_perturbed_attention_are_diffusers_own_and_share_forwards(
    site: Site, client: httpx.Client
):
    asked: dict[str, Fields] = {
        "plain": {},
        "freeu": {"freeu": FREEU},
        "pag": {"pag_scale": 4.0, "guidance_rescale": 0.5},
        "unguided": {"pag_scale": 4.0, "guidance_scale": 1.0, "freeu": FREEU},
    }
    before = settled(client, "sd1")
    jobs = {name: made(client, **USUAL | fields) for name, fields in asked.items()}
    ours = {name: picture(client, job) for name, job in jobs.items()}
    total, forwards = rows_since(client, "sd1", before, 6 * (2 + 2 + 3 + 2))
    assert total == 6 * (2 + 2 + 3 + 2)
    assert forwards < 4 * 6
    pipeline = pipeline_of(site.data / "sd1")
    theirs = {"plain": stock(pipeline)}
    pipeline.enable_freeu(**FREEU)
    theirs["freeu"] = stock(pipeline)
    perturbed = AutoPipelineForText2Image.from_pipe(pipeline, enable_pag=True)
    perturbed.set_progress_bar_config(disable=True)
    theirs["unguided"] = stock(perturbed, pag_scale=4.0, guidance_scale=1.0)
    perturbed.disable_freeu()
    theirs["pag"] = stock(perturbed, pag_scale=4.0, guidance_rescale=0.5)
    for name, one in ours.items():
        assert difference(one, theirs[name]) <= TOLERANCE, name
        assert name == "plain" or difference(one, ours["plain"]) > TOLERANCE, name
    kept = client.get(ended(client, jobs["unguided"])["outputs"][0]["url"]).content
    text = Image.open(io.BytesIO(kept)).text["parameters"]
    assert "PAG scale: 4.0" in text
    assert "FreeU" in text
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours["unguided"])


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"model": "sd3", "sampler": "euler", "freeu": FREEU}, "/freeu", "U-Net"),
        ({"model": "sd3", "sampler": "euler", "pag_scale": 3.0}, "/pag_scale", "U-Net"),
        ({"prompt": "a AND b", "pag_scale": 3.0}, "/pag_scale", "one prompt"),
        (
            {"regions": [{"prompt": "a", "box": {"width": 0.5}}], "pag_scale": 3.0},
            "/pag_scale",
            "one prompt",
        ),
        ({"freeu": {"b1": 0.0}}, "/freeu/b1", "more than"),
    ],
)
def test_what_they_do_not_work_with_is_refused(
    client: httpx.Client, fields: Fields, pointer: str, said: str
):
    answer = client.post(f"{API}/jobs", json=USUAL | fields)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]
