"""Edits by words the whole way: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from PIL import Image

from jobs.records import metrics
from jobs.records.events import ENDED
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.running.waiting import until
from tests.tiny_editors import EDITORS
from tests.worker.test_kinds import scene
from worker.engine import TOLERANCE

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own schedulers.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Fields = dict[str, Any]

PROMPT = "turn it red"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with tiny models that edit."""
    data = tmp_path_factory.mktemp("edits")
    for name, save in EDITORS.items():
        save(data / name)
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in EDITORS))
    with site_in(data, models=models) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=90) as client:
        yield client


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def sent(
    client: httpx.Client, *pictures: Image.Image, mask: Image.Image | None = None, **asked: Any
) -> httpx.Response:
    """The answer to a job that starts from these pictures."""
    names = ["image", *(f"reference_{index}" for index in range(len(pictures) - 1))]
    files = {name: png(each) for name, each in zip(names, pictures, strict=False)}
    if mask is not None:
        files["mask"] = png(mask)
    fields = {"kind": "edit", "prompt": PROMPT, **asked}
    return client.post(f"{API}/jobs", data={"request": json.dumps(fields)}, files=files)


def made(client: httpx.Client, *pictures: Image.Image, **asked: Any) -> str:
    """Sends a job, and returns where it is."""
    return sent(client, *pictures, **asked).raise_for_status().json()["urls"]["self"]


def kept(client: httpx.Client, job: str) -> bytes:
    """Waits for a job's picture, and returns its PNG."""
    until(lambda: client.get(job).json()["status"] in ENDED, 120)
    done = client.get(job).json()
    assert done["status"] == "succeeded", done["error"]
    return client.get(done["outputs"][0]["url"]).content


def picture(client: httpx.Client, job: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(kept(client, job))).convert("RGB"))


def pipeline(site: Site, name: str) -> Any:
    loaded = DiffusionPipeline.from_pretrained(site.data / name)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def stock(pipe: Any, **asked: Any) -> np.ndarray[Any, Any]:
    """Diffusers' own picture."""
    asked["generator"] = torch.Generator().manual_seed(asked.pop("seed"))
    asked["num_inference_steps"] = asked.pop("steps")
    return np.asarray(pipe(**({"prompt": PROMPT} | asked)).images[0])


def forwards(site: Site, model: str) -> tuple[float, float]:
    """Rows of all forwards so far, and how many forwards there were."""
    tree = metrics.read(site.redis).get("forward_rows", {}).get(model, {})
    return tree.get("sum", 0), sum(count for part, count in tree.items() if part != "sum")


def card(client: httpx.Client, name: str) -> Fields:
    found = client.get(f"{API}/models").raise_for_status().json()["models"]
    return next(each for each in found if each["name"] == name)


def test_edits_of_a_unet_share_forwards_and_are_guided_by_the_picture_as_diffusers_does(
    site: Site, client: httpx.Client
):
    asked: list[Fields] = [
        {"steps": 12, "seed": 1, "negative_prompt": "blue", "image_guidance_scale": 1.2},
        {"steps": 8, "seed": 2, "prompt": "green sky", "guidance_scale": 5.0},
        {"steps": 10, "seed": 3, "guidance_scale": 1.0},
    ]
    start = scene(32, 32)
    jobs = [made(client, start, model="pix2pix", width=32, height=32, **each) for each in asked]
    pipe = pipeline(site, "pix2pix")
    for fields, job in zip(asked, jobs, strict=True):
        assert difference(picture(client, job), stock(pipe, image=start, **fields)) <= TOLERANCE
    rows = 3 * 12 + 3 * 8 + 10
    until(lambda: forwards(site, "pix2pix")[0] >= rows)
    total, count = forwards(site, "pix2pix")
    assert total == rows
    assert count < 0.8 * (12 + 8 + 10)


def test_an_edit_has_the_shape_of_its_picture_and_its_recipe_makes_it_again(client: httpx.Client):
    start = scene(48, 24)
    asked = {"width": 32, "steps": 3, "seed": 5, "image_guidance_scale": 2.0}
    job = made(client, start, model="pix2pix", **asked)
    first = kept(client, job)
    done = Image.open(io.BytesIO(first))
    assert done.size == (32, 16)
    assert "Image CFG scale: 2.0" in done.text["parameters"]
    assert client.get(job).json()["input"]["strength"] == 1.0
    answer = client.post(f"{API}/jobs", content=first, headers={"Content-Type": "image/png"})
    again = answer.raise_for_status().json()
    assert (again["kind"], again["input"]["image_guidance_scale"]) == ("edit", 2.0)
    assert np.array_equal(picture(client, again["urls"]["self"]), np.asarray(done.convert("RGB")))


def test_the_list_of_models_says_who_edits_and_others_say_so(client: httpx.Client):
    found = card(client, "pix2pix")
    assert found["kinds"] == ["edit"]
    assert (found["edit_pictures"], found["image_guidance"]) == (1, True)


@pytest.mark.parametrize(
    ("asked", "pointer", "says"),
    [
        ({"kind": "text-to-image"}, "/kind", "does edit"),
        ({"prompt": " "}, "/prompt", "must say what to change"),
        ({"strength": 0.5}, "/strength", "begins with noise alone"),
        ({"kind": "image-to-image", "image_guidance_scale": 2.0}, "/image_guidance_scale", "edit"),
        ({"hires": {"scale": 2.0}}, "/hires", "no second pass"),
    ],
)
def test_what_an_edit_does_not_take_is_said_by_field(
    client: httpx.Client, asked: Fields, pointer: str, says: str
):
    answer = sent(client, scene(16, 16), model="pix2pix", **asked)
    assert answer.status_code == 422, answer.text
    wrong = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert says in wrong[pointer]


def test_a_model_says_how_many_pictures_it_edits(client: httpx.Client):
    answer = sent(client, scene(16, 16), scene(16, 16), model="pix2pix")
    assert answer.status_code == 422
    assert "edits one picture, `image` included; there are 2" in answer.json()["detail"]
