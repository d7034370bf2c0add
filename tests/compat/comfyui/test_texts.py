"""Each text of a graph becomes the prompt that it means."""

from __future__ import annotations

import pytest

from tests.compat.comfyui.client import Comfy
from tests.compat.comfyui.graphs import changed, node, text_to_image

pytestmark = pytest.mark.endpoint("POST /prompt")


@pytest.mark.parametrize(
    ("text", "prompt", "noted"),
    [
        ("embedding:Bad-Hands.pt, a cat", "bad-hands, a cat", False),
        (r"(embedding:neg\bad-hands.safetensors:1.2)", "(bad-hands:1.2)", False),
        (r"a \[cat\] and {a dog}", r"a \[cat\] and {a dog}", False),
        ("a [cat] BREAK a dog", "a [cat] BREAK a dog", True),
        ("cat AND dog", "cat AND dog", True),
    ],
)
def test_what_a_text_says_otherwise_than_in_comfyui_is_noted(
    comfy: Comfy, text: str, prompt: str, noted: bool
) -> None:
    said, record = comfy.made(
        changed(text_to_image(), n6=node("CLIPTextEncode", text=text, clip=["4", 1]))
    )
    assert record.request.prompt == prompt
    assert bool(said["notes"]) == noted


def test_the_layer_of_the_text_encoder(comfy: Comfy) -> None:
    graph = changed(
        text_to_image(),
        n6=node("CLIPTextEncode", text="embedding:bad-hands apple", clip=["31", 0]),
        n7=node("ConditioningZeroOut", conditioning=["6", 0]),
        n31=node("CLIPSetLastLayer", clip=["4", 1], stop_at_clip_layer=-2),
    )
    said, record = comfy.made(graph)
    assert record.request.clip_skip == 2
    assert record.request.prompt == "bad-hands apple"
    assert record.request.negative_prompt == ""
    assert "zeroed out" in said["notes"][0]


def test_the_text_of_sdxl(comfy: Comfy) -> None:
    sizes = {"width": 64, "height": 48, "target_width": 64, "target_height": 48}
    texts = {"text_g": "red apple", "text_l": "red apple", "crop_w": 0, "crop_h": 0}
    graph = changed(text_to_image(), n6=node("CLIPTextEncodeSDXL", clip=["4", 1], **sizes, **texts))
    _, record = comfy.made(graph)
    assert (record.request.prompt, record.request.negative_prompt) == ("red apple", "grey")
