"""Edits by the APIs that programs speak: with a model that edits, pictures and words mean one."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from mcp import Client, StdioServerParameters
from openai import OpenAI
from PIL import Image

from tests.compat.comfyui.graphs import node, sampler, text_to_image
from tests.edits.asking import PROMPT, kept, made, png, sent
from tests.engine.helpers import difference
from tests.running.paths import API, REPOSITORY
from tests.running.processes.program import run_text
from tests.running.site import Site
from tests.running.waiting import until
from tests.worker.test_kinds import scene
from worker.engine import TOLERANCE

FIRST, SECOND = scene(32, 32), scene(32, 32).transpose(Image.Transpose.ROTATE_180)
SMALL = {"steps": 2, "seed": 3}


@pytest.fixture
def openai(site: Site) -> OpenAI:
    return OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0)


def ours(client: httpx.Client, *pictures: Image.Image, **asked: Any) -> np.ndarray[Any, Any]:
    """The picture of the same edit by this server's own API."""
    return opened(kept(client, made(client, *pictures, **{"width": 32, "height": 32} | asked)))


def opened(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.slow
def test_two_pictures_of_openais_client_are_both_edited(openai: OpenAI, client: httpx.Client):
    answer = openai.images.edit(
        model="qwen-edit-plus",
        prompt=PROMPT,
        image=[("a.png", png(FIRST), "image/png"), ("b.png", png(SECOND), "image/png")],
        extra_body=SMALL | {"size": "32x32"},
    )
    assert getattr(answer, "notes", None) is None
    made = opened(base64.b64decode(answer.data[0].b64_json))
    theirs = ours(client, FIRST, SECOND, model="qwen-edit-plus", **SMALL)
    assert difference(made, theirs) <= TOLERANCE


def test_a_model_that_takes_one_picture_says_so_and_who_takes_more(openai: OpenAI):
    answer = openai.images.edit(
        model="pix2pix",
        prompt=PROMPT,
        image=[("a.png", png(FIRST), "image/png")] * 2,
        extra_body=SMALL | {"size": "32x32", "strength": 0.5},
    )
    many, strength = answer.notes
    assert many == (
        "image: pix2pix takes one picture: the first of the 2 counted; flux2, "
        "flux2-klein, qwen-edit-plus, qwen-image-21 would take"
        " more"
    )
    assert "no strength" in strength


def test_img2img_of_a_checkpoint_for_instructions_is_an_edit(client: httpx.Client):
    asked: dict[str, Any] = {
        "init_images": [base64.b64encode(png(FIRST)).decode()],
        "prompt": PROMPT,
        "width": 32,
        "height": 32,
        "steps": 3,
        "seed": 7,
        "cfg_scale": 6,
        "image_cfg_scale": 1.7,
        "denoising_strength": 0.75,
        "override_settings": {"sd_model_checkpoint": "pix2pix"},
    }
    answer = client.post("/sdapi/v1/img2img", json=asked).raise_for_status().json()
    made = opened(base64.b64decode(answer["images"][0]))
    scales = {"guidance_scale": 6.0, "image_guidance_scale": 1.7}
    theirs = ours(client, FIRST, model="pix2pix", steps=3, seed=7, **scales)
    assert difference(made, theirs) <= TOLERANCE
    assert "denoising_strength: pix2pix edits by words" in answer["info"]


@pytest.mark.slow
def test_assistants_edit_by_words_with_as_many_pictures_as_the_model_takes(
    site: Site, client: httpx.Client, tmp_path: Path
):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file, each in zip(files, (FIRST, SECOND), strict=True):
        each.save(file)
    asked: dict[str, Any] = {"image": str(files[0]), "prompt": PROMPT, "steps": 2, "seed": 3}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "darkroom", "mcp", "--url", site.url],
        env={"PYTHONPATH": str(REPOSITORY), "DATA": str(tmp_path)},
    )

    async def use() -> tuple[Any, Any]:
        async with Client(server, read_timeout_seconds=120) as assistant:
            more = {"model": "qwen-edit-plus", "references": [str(files[1])]}
            edited = await assistant.call_tool("edit", asked | more)
            refused = {"model": "pix2pix", "references": [str(files[1])]}
            return edited, await assistant.call_tool("edit", asked | refused)

    edited, refused = asyncio.run(use())
    made = next(each for each in edited.content if each.type == "image")
    recipe = Image.open(io.BytesIO(base64.b64decode(made.data))).text["parameters"]
    assert "Edited pictures: 2" in recipe
    assert refused.is_error
    assert "edits one picture" in refused.content[0].text


def test_the_command_edits_files(site: Site, tmp_path: Path):
    FIRST.save(tmp_path / "a.png")
    options = ["--edit", str(tmp_path / "a.png"), "--model", "pix2pix", "--steps", "2"]
    out = tmp_path / "out.png"
    words = ["generate", PROMPT, *options, "--url", site.url, "-o", str(out)]
    done = run_text("darkroom", *words, environment=os.environ)
    assert done.returncode == 0, done.stderr
    assert "Edited pictures: 1" in Image.open(out).text["parameters"]


def test_references_are_refused_by_their_places(client: httpx.Client):
    answer = sent(client, FIRST, model="qwen-edit-plus", references=["nothing"])
    assert answer.status_code == 422
    [wrong] = answer.json()["errors"]
    assert wrong["pointer"] == "/references/0"
    files = {"image": png(FIRST), "reference_1": png(SECOND)}
    gap = client.post(f"{API}/jobs", data={"kind": "edit", "prompt": "x"}, files=files)
    assert gap.status_code == 422
    assert "the one before it did not come" in gap.json()["detail"]


def comfy(client: httpx.Client, graph: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The picture that ComfyUI's API makes of a graph."""
    queued = client.post("/prompt", json={"prompt": graph})
    assert queued.status_code == 200, queued.text
    name = queued.json()["prompt_id"]

    def outputs() -> dict[str, Any]:
        return client.get(f"/history/{name}").json().get(name, {})

    until(lambda: outputs().get("status", {}).get("completed"), 120)
    [shown] = outputs()["outputs"]["9"]["images"]
    return opened(client.get("/view", params=shown).raise_for_status().content)


def uploaded(client: httpx.Client, picture: Image.Image, name: str) -> str:
    files = {"image": (name, png(picture), "image/png")}
    return client.post("/upload/image", files=files).raise_for_status().json()["name"]


def test_graphs_with_the_nodes_of_edits_are_edits(client: httpx.Client):
    name = uploaded(client, FIRST, "first.png")
    graph = text_to_image(
        steps=3, cfg=6, positive=["12", 0], negative=["12", 1], latent_image=["12", 2]
    ) | {
        "4": node("CheckpointLoaderSimple", ckpt_name="pix2pix.safetensors"),
        "6": node("CLIPTextEncode", text=PROMPT, clip=["4", 1]),
        "7": node("CLIPTextEncode", text="blue", clip=["4", 1]),
        "10": node("LoadImage", image=name),
        "11": node(
            "ImageScale",
            image=["10", 0],
            upscale_method="lanczos",
            width=32,
            height=32,
            crop="disabled",
        ),
        "12": node(
            "InstructPixToPixConditioning",
            positive=["6", 0],
            negative=["7", 0],
            vae=["4", 2],
            pixels=["11", 0],
        ),
    }
    theirs = {"steps": 3, "seed": 7, "guidance_scale": 6.0, "sampler": "euler"}
    theirs |= {"image_guidance_scale": 1.0, "negative_prompt": "blue"}
    expected = ours(client, FIRST, model="pix2pix", **theirs)
    assert difference(comfy(client, graph), expected) <= TOLERANCE


def test_a_reference_latent_is_what_a_transformer_edits(client: httpx.Client):
    name = uploaded(client, FIRST, "reference.png")
    graph = text_to_image(steps=2, cfg=1, positive=["14", 0]) | {
        "4": node("CheckpointLoaderSimple", ckpt_name="kontext.safetensors"),
        "5": node("EmptySD3LatentImage", width=32, height=32, batch_size=1),
        "6": node("CLIPTextEncode", text=PROMPT, clip=["4", 1]),
        "7": node("ConditioningZeroOut", conditioning=["6", 0]),
        "10": node("LoadImage", image=name),
        "11": node("FluxKontextImageScale", image=["10", 0]),
        "12": node("VAEEncode", pixels=["11", 0], vae=["4", 2]),
        "13": node("ReferenceLatent", conditioning=["6", 0], latent=["12", 0]),
        "14": node("FluxGuidance", conditioning=["13", 0], guidance=2.5),
    }
    theirs: dict[str, Any] = {"steps": 2, "seed": 7, "guidance_scale": 2.5, "sampler": "euler"}
    expected = ours(client, FIRST, model="kontext", **theirs)
    assert difference(comfy(client, graph), expected) <= TOLERANCE
    refused = graph | {"3": sampler(steps=2, denoise=0.5, positive=["14", 0])}
    answer = client.post("/prompt", json={"prompt": refused})
    assert answer.status_code == 400
    assert "must be 1 where a picture is edited by words" in answer.text
