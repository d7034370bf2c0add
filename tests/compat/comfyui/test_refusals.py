"""A graph that is wrong, or that means what is not done here, is refused in ComfyUI's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from tests.compat.comfyui import graphs
from tests.compat.comfyui.client import Comfy
from tests.compat.comfyui.graphs import Graph, changed, node, sampler, text_to_image

pytestmark = pytest.mark.endpoint("POST /prompt")

DECODED = {"samples": ["3", 0], "vae": ["4", 2]}


def without(graph: Graph, node_id: str, name: str) -> Graph:
    graph = changed(graph)
    del graph[node_id]["inputs"][name]
    return graph


def apply(**inputs: Any) -> Graph:
    return changed(graphs.control("plain.png"), **inputs)


@pytest.mark.parametrize(
    ("graph", "node_id", "kind", "said"),
    [
        (text_to_image(sampler_name="magic"), "3", "value_not_in_list", "sampler_name"),
        (text_to_image(steps=0), "3", "value_smaller_than_min", "smaller than min of 1"),
        (text_to_image(steps="many"), "3", "invalid_input_type", "steps"),
        (text_to_image(seed=-1), "3", "value_smaller_than_min", "seed"),
        (text_to_image(cfg=float(101)), "3", "value_bigger_than_max", "cfg"),
        (text_to_image(positive=["6"]), "3", "bad_linked_input", "positive"),
        (text_to_image(positive=["99", 0]), "3", "bad_linked_input", "no node '99'"),
        (text_to_image(positive=["6", 3]), "3", "bad_linked_input", "no output 3"),
        (text_to_image(positive="6"), "3", "bad_linked_input", "positive"),
        (text_to_image(positive=["8", 0]), "3", "return_type_mismatch", "IMAGE"),
        (text_to_image(noise="blue"), "3", "unknown_input", "noise"),
        (without(text_to_image(), "3", "cfg"), "3", "required_input_missing", "cfg"),
        (
            changed(text_to_image(), n4=node("CheckpointLoaderSimple", ckpt_name="flux.ckpt")),
            "4",
            "value_not_in_list",
            "small.safetensors",
        ),
        (
            changed(text_to_image(), n8=node("VAEDecode", samples=["3", 0], vae=["4", 1])),
            "8",
            "return_type_mismatch",
            "vae",
        ),
    ],
)
def test_what_comfyui_refuses(
    comfy: Comfy, graph: Graph, node_id: str, kind: str, said: str
) -> None:
    answer = comfy.queue(graph)
    assert answer.status_code == 400
    body = answer.json()
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    assert f"{graph[node_id]['class_type']} (node {node_id})" in body["error"]["message"]
    wrong = body["node_errors"][node_id]
    assert wrong["class_type"] == graph[node_id]["class_type"]
    assert wrong["dependent_outputs"] == ["9"]
    assert [each["type"] for each in wrong["errors"]] == [kind]
    assert set(wrong["errors"][0]) == {"type", "message", "details", "extra_info"}
    assert said in wrong["errors"][0]["message"] + wrong["errors"][0]["details"]


@pytest.mark.parametrize(
    ("graph", "node_id", "said"),
    [
        (text_to_image(denoise=0.5), "3", "denoise"),
        (text_to_image(steps=9000), "3", "steps: "),
        (
            changed(text_to_image(), n6=node("CLIPTextEncode", text=" ", clip=["4", 1])),
            "6",
            "empty",
        ),
        (
            changed(
                text_to_image(), n5=node("EmptyLatentImage", width=65, height=48, batch_size=1)
            ),
            "5",
            "multiple",
        ),
        (
            changed(
                text_to_image(), n5=node("EmptyLatentImage", width=64, height=48, batch_size=4000)
            ),
            "5",
            "batch_size",
        ),
        (
            changed(text_to_image(), n8=node("VAEDecode", samples=["5", 0], vae=["4", 2])),
            "8",
            "nothing has sampled",
        ),
        (graphs.image_to_image("nothing.png"), "10", "nothing.png"),
        (graphs.image_to_image("../secret.png"), "10", "no path"),
        (graphs.inpaint("plain.png"), "10", "nothing to repaint"),
        (graphs.second_pass(cfg=3), "41", "cfg"),
        (graphs.second_pass(positive=["7", 0]), "41", "positive"),
        (
            changed(
                graphs.second_pass(),
                n42=node("KSampler", **sampler(latent_image=["41", 0])["inputs"]),
                n8=node("VAEDecode", samples=["42", 0], vae=["4", 2]),
            ),
            "42",
            "at most twice",
        ),
        (
            changed(
                text_to_image(),
                n44=node("ImageScaleBy", image=["8", 0], upscale_method="area", scale_by=0.5),
                n9=node("PreviewImage", images=["44", 0]),
            ),
            "44",
            "not made smaller",
        ),
        (
            changed(
                text_to_image(),
                n50=node("VAEDecodeTiled", tile_size=512, **DECODED),
                n51=node("PreviewImage", images=["50", 0]),
            ),
            "51",
            "same pictures",
        ),
        (
            {
                "1": node("LoadImage", image="plain.png"),
                "2": node("PreviewImage", images=["1", 0]),
            },
            "2",
            "only loaded",
        ),
        (apply(n3=sampler(negative=["22", 1])), "22", "positive"),
        (
            changed(
                text_to_image(model=["30", 0]),
                n30=node(
                    "LoraLoaderModelOnly",
                    lora_name="ink",
                    strength_model=50,
                    model=["4", 0],
                ),
            ),
            "30",
            "strength_model",
        ),
        (
            changed(
                text_to_image(),
                n8=node("VAEDecode", samples=["3", 0], vae=["60", 2]),
                n60=node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
            ),
            "60",
            "VAE",
        ),
    ],
)
def test_what_is_not_done_here(comfy: Comfy, graph: Graph, node_id: str, said: str) -> None:
    comfy.upload(Image.new("RGB", (32, 32), "red"), "plain.png")
    seen = len(comfy.quick.seen)
    answer = comfy.queue(graph)
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert f"{graph[node_id]['class_type']} (node {node_id})" in body["error"]["message"]
    assert list(body["node_errors"]) == [node_id]
    assert said in body["error"]["message"]
    assert len(comfy.quick.seen) == seen


@pytest.mark.parametrize(
    ("graph", "kind", "said"),
    [
        ({}, "no_prompt", "No prompt"),
        (None, "no_prompt", "No prompt"),
        ({"1": {"inputs": {}}}, "invalid_prompt", "class_type"),
        ({"1": node("FaceDetailer")}, "missing_node_type", "FaceDetailer"),
        ({"1": node("EmptyLatentImage")}, "prompt_no_outputs", "no outputs"),
        (
            {
                "1": node("PreviewImage", images=["2", 0]),
                "2": node("ImageScaleBy", image=["2", 0], upscale_method="area", scale_by=2),
            },
            "dependency_cycle",
            "node 2",
        ),
        ({str(index): node("SaveImage") for index in range(501)}, "invalid_prompt", "500 nodes"),
        ({"1": node("Note", text="x" * 200_000)}, "invalid_prompt", "131072 bytes"),
    ],
)
def test_what_is_no_graph(comfy: Comfy, graph: Any, kind: str, said: str) -> None:
    answer = comfy.queue(graph)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == kind
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"prompt": 1}', b'{"prompt_id": "x"}'])
def test_a_body_that_is_none(comfy: Comfy, body: bytes) -> None:
    answer = comfy.http.post("/prompt", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/history/x/y", "/models/none", "/api/models/none", "/view"])
def test_other_errors_have_the_same_shape(comfy: Comfy, path: str) -> None:
    answer = comfy.http.get(path)
    assert answer.status_code in (400, 404)
    assert set(answer.json()["error"]) == {"type", "message", "details", "extra_info"}


def test_sizes_that_multiply_over_many_nodes_are_refused(comfy: Comfy) -> None:
    graph = text_to_image()
    for index in range(400):
        before = [f"larger{index - 1}", 0] if index else ["8", 0]
        scale = {"image": before, "upscale_method": "area", "scale_by": 8}
        graph[f"larger{index}"] = node("ImageScaleBy", **scale)
    graph["9"] = node("SaveImage", filename_prefix="large", images=["larger399", 0])
    answer = comfy.queue(graph)
    assert answer.status_code == 400, answer.text
    assert "(node larger2)" in answer.json()["error"]["message"]
    assert "16384" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "NaN"),
        ("number", "1e999"),
        ("number", "1" + "0" * 400),
        ("extra_data", '{"workflow": NaN}'),
        ("extra_data", '{"workflow": [-Infinity]}'),
    ],
)
def test_what_no_history_could_show_as_json_is_refused(comfy: Comfy, name: str, value: str) -> None:
    body = f'{{"prompt": {json.dumps(text_to_image())}, "{name}": {value}}}'
    answer = comfy.http.post("/prompt", content=body)
    assert answer.status_code == 400, answer.text
    assert f"{name}: " in answer.json()["error"]["message"]
