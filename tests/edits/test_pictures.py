"""Edits by words the whole way: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from PIL import Image

from jobs.records import metrics
from tests.edits.asking import PROMPT, Fields, kept, made, picture, sent
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.running.waiting import until
from tests.tiny.pipelines.editors import EDITORS, tiny_qwen_edit
from tests.tiny.pipelines.qwen_21 import tiny_qwen_21
from tests.worker.test_kinds import disc, dyed, scene
from worker.engine import TOLERANCE

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own schedulers.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def pipeline(site: Site, name: str) -> Any:
    loads = {"qwen-edit": tiny_qwen_edit, "qwen-edit-plus": tiny_qwen_edit}
    loads["qwen-image-21"] = tiny_qwen_21
    loaded = loads.get(name, DiffusionPipeline.from_pretrained)(site.data / name)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def stock(pipe: Any, **asked: Any) -> np.ndarray[Any, Any]:
    """Diffusers' own picture."""
    asked["generator"] = torch.Generator().manual_seed(asked.pop("seed"))
    asked["num_inference_steps"] = asked.pop("steps")
    return np.asarray(pipe(**({"prompt": PROMPT} | asked)).images[0])[..., :3]


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


@dataclass(frozen=True)
class Case:
    """How diffusers' own pipeline is asked, and what the jobs ask for; each with its pictures."""

    jobs: tuple[tuple[list[Image.Image], Fields], ...]
    options: Fields = field(default_factory=dict[str, Any])
    scale: str = "guidance_scale"
    default: float = 4.0
    says_without: bool = True
    """Whether its call takes a negative prompt."""


TRANSFORMERS: dict[str, Case] = {
    "kontext": Case(
        (
            ([scene(48, 32)], {"steps": 2, "seed": 1}),
            ([dyed(48, 32)], {"steps": 2, "seed": 2, "guidance_scale": 2.0, "prompt": "a cat"}),
            ([scene(48, 32)], {"steps": 2, "seed": 3, "true_cfg_scale": 3.0}),
        ),
        options={"max_area": 32 * 32},
    ),
    "qwen-edit": Case(
        (
            ([scene(48, 32)], {"steps": 4, "seed": 1, "negative_prompt": "blue"}),
            ([dyed(48, 32)], {"steps": 3, "seed": 2, "prompt": "a cat", "guidance_scale": 3.0}),
        ),
        scale="true_cfg_scale",
    ),
    "qwen-edit-plus": Case(
        (
            ([scene(48, 32), dyed(32, 32)], {"steps": 4, "seed": 1, "negative_prompt": "blue"}),
            ([dyed(48, 32), scene(32, 32)], {"steps": 3, "seed": 2, "prompt": "a cat"}),
        ),
        scale="true_cfg_scale",
    ),
    "qwen-image-21": Case(
        (
            ([scene(48, 32), dyed(32, 32)], {"steps": 4, "seed": 1}),
            ([dyed(48, 32), scene(32, 32)], {"steps": 3, "seed": 2, "prompt": "a cat"}),
            ([dyed(48, 32)], {"steps": 3, "seed": 3, "guidance_scale": 3.0}),
        ),
        scale="true_cfg_scale",
        default=1.0,
    ),
    "flux2": Case(
        (
            ([scene(96, 64), dyed(64, 64)], {"steps": 4, "seed": 1}),
            ([dyed(96, 64), scene(64, 64)], {"steps": 3, "seed": 2, "guidance_scale": 2.0}),
            ([scene(64, 72)], {"steps": 3, "seed": 3}),
        ),
        says_without=False,
    ),
    "flux2-klein": Case(
        (
            ([scene(96, 64)], {"steps": 4, "seed": 1}),
            ([dyed(96, 64)], {"steps": 3, "seed": 2, "guidance_scale": 1.0}),
            ([dyed(96, 64), scene(64, 64)], {"steps": 3, "seed": 3, "prompt": "a cat"}),
        ),
        says_without=False,
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_edits_of_a_transformer_share_forwards_and_each_is_diffusers_own_picture(
    site: Site, client: httpx.Client, name: str
):
    case = TRANSFORMERS[name]
    size = {"width": 32, "height": 32}
    jobs = [made(client, *shown, model=name, **size, **fields) for shown, fields in case.jobs]
    pipe = pipeline(site, name)
    for (shown, fields), job in zip(case.jobs, jobs, strict=True):
        asked: Fields = {**case.options, **fields, **size}
        if case.says_without:
            asked = {"negative_prompt": "", **asked}
        if case.scale == "true_cfg_scale":
            asked[case.scale] = asked.pop("guidance_scale", case.default)
            asked["negative_prompt"] = asked["negative_prompt"] or " "
        theirs = stock(pipe, image=shown if len(shown) > 1 else shown[0], **asked)
        assert difference(picture(client, job), theirs) <= TOLERANCE, fields
    rows, count = forwards(site, name)
    assert count < rows
    assert count < sum(fields["steps"] for _, fields in case.jobs)


def test_what_can_draw_from_words_alone_does_so_too(site: Site, client: httpx.Client):
    asked: Fields = {"width": 32, "height": 32, "steps": 3, "seed": 4}
    job = made(client, model="kontext", kind="text-to-image", **asked)
    theirs = stock(pipeline(site, "kontext"), max_area=32 * 32, **asked)
    assert difference(picture(client, job), theirs) <= TOLERANCE


def test_a_model_that_fills_is_shown_what_it_fills(site: Site, client: httpx.Client):
    start, mask = scene(32, 32), disc(32, 32)
    asked: Fields = {"steps": 4, "seed": 5, "guidance_scale": 30.0}
    job = made(client, start, mask=mask, kind="inpaint", model="fill", mask_blur=0, **asked)
    ours = picture(client, job)
    theirs = stock(
        pipeline(site, "fill"), image=start, mask_image=mask, width=32, height=32, **asked
    )
    painted = np.asarray(mask) == 255
    assert np.abs(ours[painted].astype(int) - theirs[painted]).max() <= TOLERANCE
    assert np.array_equal(ours[~painted], np.asarray(start)[~painted])


def test_a_pipeline_that_edits_and_runs_whole_makes_its_own_picture(
    site: Site, client: httpx.Client
):
    asked: Fields = {"steps": 3, "seed": 6, "image_guidance_scale": 1.8, "negative_prompt": "a"}
    start = scene(32, 32)
    job = made(client, start, model="cosxl-edit", width=32, height=32, **asked)
    theirs = stock(pipeline(site, "cosxl-edit"), image=start, width=32, height=32, **asked)
    assert difference(picture(client, job), theirs) <= TOLERANCE


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
    found = {name: card(client, name) for name in EDITORS}
    assert {name: each["edit_pictures"] for name, each in found.items()} == {
        "pix2pix": 1,
        "cosxl-edit": 1,
        "kontext": 1,
        "fill": 0,
        "qwen-edit": 1,
        "qwen-edit-plus": 3,
        "qwen-image-21": 3,
        "flux2": 10,
        "flux2-klein": 4,
    }
    only = [name for name, each in found.items() if each["kinds"] == ["edit"]]
    assert only == ["pix2pix", "cosxl-edit", "qwen-edit", "qwen-edit-plus"]
    assert found["fill"]["kinds"] == ["inpaint", "outpaint"]
    assert {"edit", "text-to-image", "inpaint"} < set(found["kontext"]["kinds"])
    assert [name for name, each in found.items() if each["image_guidance"]] == only[:2]


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


def test_a_model_of_another_kind_says_what_it_does(client: httpx.Client):
    answer = sent(client, scene(16, 16), model="fill")
    assert answer.status_code == 422
    assert "the model fill does inpaint, outpaint" in answer.json()["detail"]


def test_a_model_says_how_many_pictures_it_edits(client: httpx.Client):
    answer = sent(client, scene(16, 16), scene(16, 16), model="pix2pix")
    assert answer.status_code == 422
    assert "edits one picture, `image` included; there are 2" in answer.json()["detail"]
