"""What a client may choose from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.comfyui.client import Comfy
from tests.compat.comfyui.graphs import text_to_image


@pytest.fixture(params=["", "/api"])
def below(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.endpoint("GET /object_info", "GET /object_info/{id}")
def test_every_node_is_described(comfy: Comfy, below: str) -> None:
    every = comfy.http.get(f"{below}/object_info").json()
    for each in {node["class_type"] for node in text_to_image().values()}:
        assert comfy.http.get(f"{below}/object_info/{each}").json() == {each: every[each]}
    required = every["KSampler"]["input"]["required"]
    assert required["sampler_name"][0][0] == "euler"
    assert "dpmpp_2m" in required["sampler_name"][0]
    assert {"normal", "karras", "ddim_uniform"} <= set(required["scheduler"][0])
    assert required["model"] == ["MODEL"]
    assert required["steps"][1]["default"] == 20
    assert every["KSampler"]["input_order"]["required"] == list(required)
    assert every["SaveImage"]["output_node"]
    assert comfy.http.get(f"{below}/object_info/Unknown").json() == {}


@pytest.mark.endpoint("GET /object_info/{id}")
@pytest.mark.parametrize(
    ("node", "name", "expected"),
    [
        ("CheckpointLoaderSimple", "ckpt_name", ["small.safetensors", "other.safetensors"]),
        ("LoraLoader", "lora_name", ["ink.safetensors"]),
        ("ControlNetLoader", "control_net_name", ["edges.safetensors"]),
        ("UpscaleModelLoader", "model_name", ["sharp-4x.safetensors"]),
        ("VAELoader", "vae_name", ["Baked VAE"]),
    ],
)
def test_what_a_loader_may_load(comfy: Comfy, node: str, name: str, expected: list[str]) -> None:
    said = comfy.http.get(f"/object_info/{node}").json()[node]
    assert said["input"]["required"][name][0] == expected


def test_each_sampler_and_scheduler_can_be_chosen(comfy: Comfy) -> None:
    required = comfy.http.get("/object_info/KSampler").json()["KSampler"]["input"]["required"]
    for name in required["sampler_name"][0]:
        assert comfy.queue(text_to_image(sampler_name=name)).status_code == 200, name
    for name in required["scheduler"][0]:
        assert comfy.queue(text_to_image(scheduler=name)).status_code == 200, name


@pytest.mark.endpoint("GET /models", "GET /models/{id}", "GET /embeddings", "GET /extensions")
def test_models_by_folder(comfy: Comfy, below: str) -> None:
    def get(path: str) -> Any:
        return comfy.http.get(f"{below}{path}").json()

    assert {"checkpoints", "loras"} <= set(get("/models"))
    assert get("/models/loras") == ["ink.safetensors"]
    assert get("/embeddings") == ["bad-hands"]
    assert get("/extensions") == []


@pytest.mark.endpoint("GET /system_stats", "GET /features")
def test_the_machine(comfy: Comfy, below: str) -> None:
    said = comfy.http.get(f"{below}/system_stats").json()
    assert said["system"]["ram_total"] > said["system"]["ram_free"] > 0
    assert [device["name"] for device in said["devices"]] == ["cpu"]
    assert not comfy.http.get(f"{below}/features").json()["supports_preview_metadata"]
