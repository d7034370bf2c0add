"""What clients send to img2img, however they send it, becomes the job they mean."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.compat.a1111.sender import BLACK, IMG2IMG, RED, WHITE, Sender

URI = f"data:image/png;base64,{RED}"


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({}, {"kind": "image-to-image", "strength": 0.75, "resize": "stretch"}),
        ({"denoising_strength": 0.3}, {"strength": 0.3}),
        ({"denoising_strength": 0}, {"strength": 0.0}),
        ({"width": 100, "height": 50}, {"width": 100, "height": 50}),
        ({"resize_mode": 1}, {"resize": "crop"}),
        ({"resize_mode": 2}, {"resize": "pad"}),
        ({"resize_mode": 3}, {"resize": "stretch"}),
        ({"include_init_images": True, "image_cfg_scale": 1.5}, {"kind": "image-to-image"}),
        ({"initial_noise_multiplier": 1}, {"kind": "image-to-image"}),
        ({"mask": None}, {"kind": "image-to-image", "mask": None}),
        (
            {"mask": WHITE},
            {
                "kind": "inpaint",
                "mask_blur": 4,
                "mask_invert": False,
                "inpaint_area": "masked",
                "mask_padding": 0,
                "fill": "fill",
            },
        ),
        ({"mask": WHITE, "inpaint_full_res": False}, {"inpaint_area": "whole"}),
        ({"mask": WHITE, "inpaint_full_res": 0}, {"inpaint_area": "whole", "width": 64}),
        ({"mask": WHITE, "inpaint_full_res": 1}, {"inpaint_area": "masked"}),
        ({"mask": WHITE, "inpaint_full_res_padding": 32}, {"mask_padding": 32}),
        ({"mask": BLACK, "inpainting_mask_invert": 1}, {"mask_invert": True}),
        ({"mask": WHITE, "mask_blur": 9}, {"mask_blur": 9}),
        ({"mask": WHITE, "mask_blur_x": 6, "mask_blur_y": 6}, {"mask_blur": 6}),
        ({"mask": WHITE, "inpainting_fill": 0}, {"fill": "fill"}),
        ({"mask": WHITE, "inpainting_fill": 1}, {"fill": "original"}),
        ({"mask": WHITE, "inpainting_fill": 2}, {"fill": "noise"}),
        ({"mask": WHITE, "inpainting_fill": 3}, {"fill": "nothing"}),
        ({"mask": f"data:image/png;base64,{WHITE}"}, {"kind": "inpaint"}),
    ],
)
def test_a_picture_goes_where_automatic1111_would_take_it(
    send: Sender, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    request = send(IMG2IMG, init_images=[RED], **sent)
    assert {name: getattr(request, name) for name in meant} == meant


@pytest.mark.parametrize(
    "picture",
    [RED, URI, RED.rstrip("="), "\n".join(RED[at : at + 76] for at in range(0, len(RED), 76))],
    ids=["bare", "data URI", "no padding", "lines"],
)
def test_a_picture_may_come_in_any_base64(send: Sender, picture: str) -> None:
    request = send(IMG2IMG, init_images=[picture])
    assert request.image is not None
    assert Image.open(io.BytesIO(send.stored(request.image))).size == (64, 48)


def test_the_picture_that_was_sent_comes_back_only_where_that_is_asked_for(send: Sender) -> None:
    for asked_for in (False, True):
        send(IMG2IMG, init_images=[RED], mask=WHITE, include_init_images=asked_for)
        said = json.loads(send.answer.text)
        parameters = said["parameters"]
        assert parameters["init_images"] == ([RED] if asked_for else None)
        assert parameters["mask"] == (WHITE if asked_for else None)
        assert len(said["images"]) == 1


def test_a_controlnet_without_a_picture_follows_the_one_that_was_sent(send: Sender) -> None:
    units = {"ControlNet": {"args": [{"model": "edges", "module": "canny"}]}}
    request = send(IMG2IMG, init_images=[RED], alwayson_scripts=units)
    assert [(each.model, each.preprocessor) for each in request.controls] == [("edges", "canny")]
    assert request.image is not None
    assert send.stored(request.controls[0].image) == send.stored(request.image)
