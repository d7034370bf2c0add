"""Pictures of other programs: their recipes fill the form, and what is no recipe never does."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs.recipes.recipes import exif_with
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.server.recipes.test_recipes import carrying

WANTED = {
    "prompt": "a red fox",
    "negative_prompt": "blur",
    "steps": 12,
    "guidance_scale": 6.5,
    "seed": 77,
    "width": 96,
    "height": 64,
    "sampler": "dpmpp_2m",
    "schedule": "karras",
    "model": "small",
}

GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 77,
            "steps": 12,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 1.0,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "small.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 96, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blur", "clip": ["4", 1]}},
}
WORKFLOW = {
    "links": [
        [1, 4, 0, 3, 0, "MODEL"],
        [2, 5, 0, 3, 3, "LATENT"],
        [3, 4, 1, 6, 0, "CLIP"],
        [4, 6, 0, 3, 1, "CONDITIONING"],
        [5, 4, 1, 7, 0, "CLIP"],
        [6, 7, 0, 3, 2, "CONDITIONING"],
    ]
}
INVOKEAI = {
    "positive_prompt": "a red fox",
    "negative_prompt": "blur",
    "steps": 12,
    "cfg_scale": 6.5,
    "seed": 77,
    "width": 96,
    "height": 64,
    "scheduler": "dpmpp_2m_k",
    "model": {"model_name": "small"},
}
FOOOCUS = {
    "prompt": "a red fox",
    "negative_prompt": "blur",
    "steps": 12,
    "guidance_scale": 6.5,
    "seed": "77",
    "resolution": "(96, 64)",
    "sampler": "dpmpp_2m_gpu",
    "scheduler": "karras",
    "base_model": "small",
    "base_model_hash": "",
    "styles": "['Fooocus V2: sharp, bright: yes, dark: no']",
    "version": "Fooocus v2.5.5",
}
SWARM = {
    "sui_image_params": {
        "prompt": "a red fox",
        "negativeprompt": "blur",
        "model": "OfficialStableDiffusion/small",
        "seed": 77,
        "steps": 12,
        "cfgscale": 6.5,
        "width": 96,
        "height": 64,
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
    }
}
CIVITAI = {
    "extraMetadata": json.dumps(
        {
            "prompt": "a red fox",
            "negativePrompt": "blur",
            "cfgScale": 6.5,
            "steps": 12,
            "sampler": "DPM++ 2M Karras",
            "seed": 77,
            "width": 96,
            "height": 64,
        }
    )
}
NOVELAI = {
    "Software": "NovelAI",
    "Source": "small 1D44365E",
    "Description": "a red fox",
    "Comment": json.dumps(
        {
            "steps": 12,
            "scale": 6.5,
            "seed": 77,
            "width": 96,
            "height": 64,
            "uc": "blur",
            "sampler": "k_dpmpp_2m",
        }
    ),
}

PICTURES: dict[str, dict[str, str]] = {
    "ComfyUI": {"prompt": json.dumps(GRAPH), "workflow": json.dumps(WORKFLOW)},
    "InvokeAI": {"invokeai_metadata": json.dumps(INVOKEAI)},
    "Fooocus": {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"},
    "SwarmUI": {"parameters": json.dumps(SWARM)},
    "Civitai": {"parameters": json.dumps(CIVITAI)},
    "NovelAI": NOVELAI,
}


def read(client: FlaskClient, picture: bytes, type: str = "image/png") -> Any:
    return client.post(f"{API}/recipes", data=picture, content_type=type)


@pytest.mark.parametrize("program", PICTURES)
def test_the_recipe_of_each_program_fills_the_form(
    client: FlaskClient, worker: HandWorker, program: str
):
    answer = read(client, carrying(**PICTURES[program]))
    assert answer.status_code == 200, answer.text
    # NovelAI has no schedule, and names its own models; Civitai names no model.
    lacks = {"NovelAI": {"schedule"}, "Civitai": {"model"}}.get(program, set())
    wanted = {name: value for name, value in WANTED.items() if name not in lacks}
    assert answer.json["request"] == wanted
    assert answer.json["missing"] == []


@pytest.mark.parametrize("program", [each for each in PICTURES if each != "NovelAI"])
def test_a_picture_of_it_sent_as_a_job_is_made_again(
    client: FlaskClient, worker: HandWorker, program: str
):
    # The model of these tests takes two samplers only.
    theirs = r"dpmpp_2m(_k|_gpu)?|DPM\+\+ 2M Karras|karras"
    texts = {name: re.sub(theirs, "ddim", text) for name, text in PICTURES[program].items()}
    answer = client.post(f"{API}/jobs", data=carrying(**texts), content_type="image/png")
    assert answer.status_code == 202, answer.text
    made = WANTED | {"sampler": "ddim"}
    assert (made.items() - {("schedule", "karras")}) <= answer.json["input"].items()


def test_civitais_recipe_is_read_from_a_jpeg(client: FlaskClient, worker: HandWorker):
    exif = exif_with(json.dumps(CIVITAI))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    assert read(client, file.getvalue(), "image/jpeg").json["request"]["seed"] == 77


def test_a_graph_that_begins_with_a_picture_says_that_it_lacks_one(
    client: FlaskClient, worker: HandWorker
):
    graph = json.loads(json.dumps(GRAPH))
    graph["3"]["inputs"]["denoise"] = 0.5
    texts = PICTURES["ComfyUI"] | {"prompt": json.dumps(graph)}
    found = read(client, carrying(**texts)).json
    assert [each["pointer"] for each in found["missing"]] == ["/image"]
    assert found["request"]["strength"] == 0.5


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": json.dumps({"a": "note: one, two: three, four: five, six: seven"})},
        {"parameters": '{"x": "Steps: 1, Sampler: DDIM, Seed: 2"}'},
        {"parameters": "a shopping list\nmilk: two, bread: one, eggs: ten"},
        {"parameters": json.dumps({"sui_image_params": 7})},
        {"prompt": "[]", "workflow": "{}"},
        {"prompt": json.dumps(GRAPH), "workflow": "[" * 10_000},
        {"prompt": json.dumps({"1": {"class_type": "Note"}}), "workflow": '{"links": []}'},
        {"invokeai_metadata": '{"scheduler": 3, "model": []}'},
        {"Comment": "{}", "Description": "x", "Source": "y"},
        {"Dream": "no quotes"},
        {"sd-metadata": '{"image": {"sampler": "ddim", "prompt": 7}}'},
    ],
    ids=lambda texts: " ".join(texts)[:30],
)
def test_what_is_no_recipe_is_422_and_never_an_empty_one(
    client: FlaskClient, worker: HandWorker, texts: dict[str, str]
):
    answer = read(client, carrying(**texts))
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["detail"]
