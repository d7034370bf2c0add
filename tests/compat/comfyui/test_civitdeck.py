"""What CivitDeck sends: node by node what it may choose, a graph that names no client, and a socket
that comes after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from tests.compat.comfyui.client import Comfy, following, in_png
from tests.compat.comfyui.graphs import Graph, node, sampler
from tests.running.hand_worker import HandWorker
from tests.running.waiting import until

CLIENT = "CivitDeck"

HEADERS = {"User-Agent": "ktor-client", "Accept": "application/json"}


@pytest.fixture(scope="module")
def deck(idle: Comfy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=idle.url, headers=HEADERS, timeout=60) as client:
        yield client


def built(checkpoint: str, lora: str) -> Graph:
    """The graph that it builds, with one LoRA."""
    links = {"model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0]}
    strengths = {"strength_model": 1.0, "strength_clip": 1.0}
    return {
        "3": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "10": node("LoraLoader", lora_name=lora, model=["3", 0], clip=["3", 1], **strengths),
        "6": node("CLIPTextEncode", text="red apple", clip=["10", 1]),
        "7": node("CLIPTextEncode", text="", clip=["10", 1]),
        "5": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "4": sampler(seed=42, cfg=7.0, latent_image=["5", 0], **links),
        "8": node("VAEDecode", samples=["4", 0], vae=["3", 2]),
        "9": node("SaveImage", filename_prefix="CivitDeck", images=["8", 0]),
    }


def chosen(deck: httpx.Client, kind: str, name: str) -> str:
    """The first of what it may choose."""
    answer = deck.get(f"/object_info/{kind}")
    return answer.json()[kind]["input"]["required"][name][0][0]


@pytest.mark.endpoint("GET /queue", "GET /system_stats", "GET /object_info/{id}")
@pytest.mark.endpoint("POST /prompt", "GET /history/{id}", "GET /view", "GET /ws")
def test_a_picture_is_made_and_followed(deck: httpx.Client, idle: Comfy, hand: HandWorker) -> None:
    assert deck.get("/queue").json()["queue_running"] == []
    stats = deck.get("/system_stats").json()
    assert all(isinstance(device["vram_total"], int) for device in stats["devices"])
    assert chosen(deck, "ControlNetLoader", "control_net_name")
    checkpoint = chosen(deck, "CheckpointLoaderSimple", "ckpt_name")
    graph = built(checkpoint, chosen(deck, "LoraLoader", "lora_name"))
    prompt_id = deck.post("/prompt", json={"prompt": graph}).json()["prompt_id"]
    job = uuid.UUID(prompt_id).hex
    hand.begin(job)
    with following(idle.url, "civitdeck-1764330000000") as (told, _):
        told.until(lambda messages: messages)
        until(lambda: hand.progress(job, 7))
        hand.finish(job)
        messages = told.until(lambda messages: "execution_success" in dict(messages))
    progress = dict(messages)["progress"]
    assert (progress["value"], progress["max"], progress["node"]) == (7, 20, "4")
    entry = deck.get(f"/history/{prompt_id}").json()[prompt_id]
    assert entry["status"]["completed"]
    assert entry["prompt"][2] == graph
    (image,) = entry["outputs"]["9"]["images"]
    # Where there is no subfolder it sends none.
    query = {"filename": image["filename"], "type": image["type"]}
    assert deck.get("/view", params=query).headers["Content-Type"] == "image/png"


@pytest.mark.endpoint("POST /upload/image", "POST /interrupt", "POST /queue")
def test_its_other_calls(deck: httpx.Client) -> None:
    picture = in_png(Image.new("RGB", (32, 32), "white"))
    files = {"image": ("mask_1764330000000.png", picture, "image/png")}
    answer = deck.post("/upload/image", files=files, data={"subfolder": "", "type": "input"})
    assert answer.json()["name"] == "mask_1764330000000.png"
    assert deck.post("/interrupt").is_success
    assert deck.post("/queue", json={"delete": [str(uuid.uuid4())]}).is_success
