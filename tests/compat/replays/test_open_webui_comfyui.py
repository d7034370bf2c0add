"""What Open WebUI sends for pictures when its engine is ComfyUI: a graph, followed by a socket."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
from collections.abc import Callable

import aiohttp
import pytest

from tests.compat.comfyui.graphs import Graph, changed, node, text_to_image
from tests.compat.openai.client import SIDE, opened, shows_something
from tests.compat.replays.programs import drawn

CLIENT = "Open WebUI"

AGENT = {"User-Agent": "Mozilla/5.0"}

Followed = tuple[list[bytes], list[bytes]]
"""The pictures that a graph has made, and the previews that came meanwhile."""


def default_graph() -> Graph:
    """Its own graph, with what its user sets of it."""
    graph = changed(
        text_to_image(steps=3, seed=secrets.randbelow(2**50), cfg=4, model=["4", 0]),
        n4=node("CheckpointLoaderSimple", ckpt_name="emoji.safetensors"),
        n5=node("EmptyLatentImage", width=SIDE, height=SIDE, batch_size=2),
        n6=node("CLIPTextEncode", text="red apple, 3d", clip=["4", 1]),
        n7=node("CLIPTextEncode", text="", clip=["4", 1]),
    )
    return copy.deepcopy(graph)


async def made(address: str, key: str, graph: Graph) -> Followed:
    """In its order: a socket, the graph by it, messages until nothing is executed, the history."""
    client_id = secrets.token_hex(8)
    previews: list[bytes] = []
    auth = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=AGENT | auth) as session:
        url = f"{address.replace('http://', 'ws://')}/ws?clientId={client_id}"
        async with session.ws_connect(url) as socket:
            body = {"prompt": graph, "client_id": client_id}
            async with session.post(f"{address}/prompt", json=body) as answer:
                assert answer.status == 200, await answer.text()
                prompt_id = (await answer.json())["prompt_id"]
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    previews.append(message.data[8:])
                    continue
                said = json.loads(message.data)
                if said["type"] == "executing" and said["data"]["node"] is None:
                    assert said["data"]["prompt_id"] == prompt_id
                    break
        async with session.get(f"{address}/history/{prompt_id}") as answer:
            outputs = (await answer.json())[prompt_id]["outputs"]
        query = [image for each in outputs.values() for image in each["images"]]
        pictures: list[bytes] = []
        for image in query:
            async with session.get(f"{address}/view", params=image) as answer:
                assert answer.status == 200
                pictures.append(await answer.read())
    return pictures, previews


@pytest.mark.endpoint("GET /ws", "POST /prompt", "GET /history/{id}", "GET /view")
def test_its_default_graph_makes_pictures(address: str, token: Callable[..., str]) -> None:
    graph = default_graph()
    # Walked to its end, a picture of a quarter of the model's own size is white for some seeds.
    graph["3"]["inputs"] |= {"steps": 80, "seed": 2**49 + 7}
    key = token("Open WebUI, ComfyUI")
    pictures, previews = asyncio.run(made(address, key, graph))
    for each in pictures:
        picture = opened(each)
        assert picture.size == (SIDE, SIDE)
        assert shows_something(picture)
    assert len(pictures) == 2
    assert previews
    assert opened(previews[-1]).format == "JPEG"


async def uploaded(address: str, key: str) -> str:
    """The name that a picture got which it has sent."""
    form = aiohttp.FormData()
    form.add_field("image", drawn(), filename="photo.png", content_type="image/png")
    form.add_field("type", "input")
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as session:
        url = f"{address}/api/upload/image"
        async with session.post(url, data=form, headers=headers) as answer:
            return (await answer.json())["name"]


@pytest.mark.endpoint("POST /upload/image", "POST /prompt")
def test_a_picture_is_changed(address: str, token: Callable[..., str]) -> None:
    key = token("Open WebUI, edits")
    graph = changed(
        default_graph(),
        n10=node("LoadImage", image=asyncio.run(uploaded(address, key))),
        n11=node("VAEEncode", pixels=["10", 0], vae=["4", 2]),
    )
    graph["3"]["inputs"] |= {"latent_image": ["11", 0], "denoise": 0.6}
    del graph["5"]
    (picture,), _ = asyncio.run(made(address, key, graph))
    assert shows_something(opened(picture))
