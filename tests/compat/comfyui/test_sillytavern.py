"""What SillyTavern's server sends when its image extension is set to ComfyUI: no socket, and the
whole history again and again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compat.comfyui.client import LIMIT, Comfy, opened
from tests.compat.comfyui.graphs import Graph, changed, node, text_to_image
from tests.running.waiting import until

CLIENT = "SillyTavern"

HEADERS = {"User-Agent": "node-fetch", "Accept": "*/*", "Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def tavern(comfy: Comfy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=comfy.url, headers=HEADERS, timeout=60) as client:
        yield client


def default_graph(info: dict[str, Any]) -> Graph:
    """Its own graph, filled in with what its form has: the first of each list."""

    def first(kind: str, name: str) -> str:
        return info[kind]["input"]["required"][name][0][0]

    graph = text_to_image(
        seed=1234567890123,
        steps=20,
        cfg=7,
        sampler_name=first("KSampler", "sampler_name"),
        scheduler=first("KSampler", "scheduler"),
    )
    return changed(
        graph,
        n4=node("CheckpointLoaderSimple", ckpt_name=first("CheckpointLoaderSimple", "ckpt_name")),
        n9=node("SaveImage", filename_prefix="SillyTavern", images=["8", 0]),
    )


@pytest.mark.endpoint("GET /system_stats", "GET /object_info")
@pytest.mark.endpoint("POST /prompt", "GET /history", "GET /view")
def test_a_scene_becomes_a_picture(tavern: httpx.Client) -> None:
    assert tavern.get("/system_stats").is_success
    info = tavern.get("/object_info").json()
    assert info["VAELoader"]["input"]["required"]["vae_name"][0]
    # It says nothing of the body's type but that it is text.
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    body = json.dumps({"prompt": default_graph(info)})
    prompt_id = tavern.post("/prompt", content=body, headers=headers).json()["prompt_id"]
    until(lambda: tavern.get("/history").json().get(prompt_id), LIMIT)
    item = tavern.get("/history").json()[prompt_id]
    assert item["status"]["status_str"] == "success"
    image = next(image for each in item["outputs"].values() for image in each["images"])
    query = f"filename={image['filename']}&subfolder={image['subfolder']}&type={image['type']}"
    answer = tavern.get(f"/view?{query}")
    assert opened(answer.content).size == (64, 48)


@pytest.mark.endpoint("POST /interrupt")
def test_who_closes_the_page_interrupts(tavern: httpx.Client) -> None:
    assert tavern.post("/interrupt", headers={"Authorization": ""}).is_success
