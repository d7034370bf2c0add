"""What txt2img and img2img cannot do is refused in the words and the envelope of AUTOMATIC1111."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.compat.a1111.sender import IMG2IMG, RED, TXT2IMG, WHITE, Sender


@pytest.mark.parametrize(
    ("path", "sent", "status", "words"),
    [
        (TXT2IMG, {"prompt": None}, 422, "prompt: must say what to draw"),
        (TXT2IMG, {"prompt": "a" * 10_001}, 422, "prompt: must be at most 10000 characters"),
        (TXT2IMG, {"steps": 151}, 422, "steps: must be at most 150; it is 151"),
        (TXT2IMG, {"steps": "many"}, 422, "steps"),
        (TXT2IMG, {"cfg_scale": 51}, 422, "cfg_scale: must be at most 50"),
        (TXT2IMG, {"seed": 2**32}, 422, "seed: must be less than 4294967296"),
        (TXT2IMG, {"width": 4096}, 422, "width: must be at most 2048; it is 4096"),
        (TXT2IMG, {"width": 0}, 422, "width: must be at least 1; it is 0"),
        (TXT2IMG, {"batch_size": 0}, 422, "batch_size: must be at least 1"),
        (TXT2IMG, {"batch_size": 9, "n_iter": 2}, 422, "at most 16 pictures; it is 18"),
        (TXT2IMG, {"sampler_name": "Nothing"}, 404, "Sampler not found"),
        (TXT2IMG, {"sampler_index": "DDIM Bananas"}, 404, "Sampler not found"),
        (TXT2IMG, {"scheduler": "bananas"}, 404, "Scheduler not found"),
        (TXT2IMG, {"s_churn": 1}, 422, "s_churn: must be 0"),
        (TXT2IMG, {"seed_resize_from_w": 64}, 422, "seed_resize_from_w: must be 0 or -1"),
        (TXT2IMG, {"script_name": "X/Y/Z plot"}, 422, "script_name: there is no script"),
        (TXT2IMG, {"alwayson_scripts": {"Deforum": {"args": [True]}}}, 422, "Deforum"),
        (
            TXT2IMG,
            {"override_settings": {"sd_model_checkpoint": "nope"}},
            422,
            "override_settings/sd_model_checkpoint: no model is named 'nope'",
        ),
        (
            TXT2IMG,
            {"override_settings": {"CLIP_stop_at_last_layers": 13}},
            422,
            "override_settings/CLIP_stop_at_last_layers: must be at most 12",
        ),
        (TXT2IMG, {"prompt": "a <lora:nope:1>"}, 422, "prompt: no LoRA"),
        (TXT2IMG, {"enable_hr": True, "hr_scale": 9}, 422, "hr_scale: must be at most 8"),
        (TXT2IMG, {"enable_hr": True, "hr_upscaler": "Best"}, 422, "hr_upscaler: no upscaler"),
        (TXT2IMG, {"enable_hr": True, "hr_sampler_name": "DDIM"}, 422, "hr_sampler_name: "),
        (
            TXT2IMG,
            {"enable_hr": True, "hr_prompt": "a <lora:none:1>"},
            422,
            "hr_prompt: has a LoRA",
        ),
        (TXT2IMG, {"enable_hr": True, "hr_resize_x": 96, "hr_resize_y": 128}, 422, "hr_resize_x"),
        (IMG2IMG, {}, 404, "Init image not found"),
        (IMG2IMG, {"init_images": []}, 404, "Init image not found"),
        (IMG2IMG, {"init_images": [RED, RED]}, 422, "init_images: must be one picture"),
        (IMG2IMG, {"init_images": ["%%%"]}, 422, "init_images/0: is not base64"),
        (IMG2IMG, {"init_images": ["aGVsbG8="]}, 422, "init_images/0: must be a PNG"),
        (IMG2IMG, {"init_images": ["http://a/b.png"]}, 422, "init_images/0: is a URL"),
        (IMG2IMG, {"init_images": [RED], "mask": "aGVsbG8="}, 422, "mask: must be a PNG"),
        (IMG2IMG, {"init_images": [RED], "resize_mode": 4}, 422, "resize_mode: must be from 0"),
        (
            IMG2IMG,
            {"init_images": [RED], "denoising_strength": 1.5},
            422,
            "denoising_strength: must be at most 1",
        ),
        (
            IMG2IMG,
            {"init_images": [RED], "mask": WHITE, "inpainting_fill": 4},
            422,
            "inpainting_fill: must be from 0 to 3",
        ),
        (
            IMG2IMG,
            {"init_images": [RED], "mask": WHITE, "mask_blur_x": 2, "mask_blur_y": 3},
            422,
            "mask_blur_y: must be equal",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_own_name(
    send: Sender, path: str, sent: dict[str, Any], status: int, words: str
) -> None:
    answered, said = send.refused(path, **sent)
    assert answered == status
    assert words in said["detail"]
    if status == 422:
        assert words in said["errors"]
        assert "Traceback" not in said["errors"]


@pytest.mark.parametrize("path", [TXT2IMG, IMG2IMG])
@pytest.mark.parametrize("body", [b"{", b"[]", b'"a"', b"", b"\xff"])
def test_a_body_that_is_no_object_is_refused_in_the_envelope(
    send: Sender, path: str, body: bytes
) -> None:
    answer = send.client.post(path, data=body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert set(json.loads(answer.text)) == {"error", "detail", "body", "errors"}


def test_a_body_is_read_whatever_type_it_is_said_to_be(send: Sender) -> None:
    body = json.dumps({"prompt": "a star"})
    assert send.client.post(TXT2IMG, data=body, content_type="text/plain").status_code == 200
