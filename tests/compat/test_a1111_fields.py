"""What clients send to txt2img and img2img, however they send it, becomes the job they mean."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.queue.workers import WorkerInfo
from jobs.request.request import Lora, ResolvedRequest
from jobs.settings import settings
from server.app import create_app
from server.resources import of
from tests.card import make_card
from tests.compat.a1111 import Quick, in_base64
from tests.server.helpers import HandWorker

INK = Lora(name="ink", weight=0.5)

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"

RED = in_base64(Image.new("RGB", (64, 48), "red"))
WHITE = in_base64(Image.new("L", (64, 48), "white"))
URI = f"data:image/png;base64,{RED}"

SMALL = make_card(
    factor=16,
    upscalers=[{"name": "sharp-4x", "title": "Sharp 4x"}],
    controlnets=[{"name": "edges"}],
    loras=[{"name": "ink"}],
    sha256="ab" * 32,
)
OTHER = make_card(name="other", default=False, sha256="cd" * 32, steps=7)


class Sender:
    """Sends a body and finds out what was queued."""

    def __init__(self, client: FlaskClient, quick: Quick) -> None:
        self.client = client
        self.quick = quick

    def __call__(self, path: str, **body: Any) -> ResolvedRequest:
        if path == TXT2IMG:
            body = {"prompt": "a star", **body}
        self.answer = self.client.post(path, json=body)
        assert self.answer.status_code == 200, self.answer.text
        return self.quick.seen[-1].request

    def refused(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        if path == TXT2IMG:
            body = {"prompt": "a star", **body}
        seen = len(self.quick.seen)
        answer = self.client.post(path, json=body)
        said = json.loads(answer.text)
        assert set(said) == {"error", "detail", "body", "errors"}
        assert len(self.quick.seen) == seen
        return answer.status_code, said


@pytest.fixture(scope="module")
def send(redis_server: RedisServer, data: Path) -> Iterator[Sender]:
    """One application and one worker for all of this file: none of its tests leaves a trace."""
    app = create_app(redis_server.url, str(data / "images"))
    with connect(redis_server.url) as redis:
        redis.flushall()
        worker = HandWorker(redis, ImageStore(str(data / "images")))
        info = worker.info.model_dump() | {"models": [SMALL, OTHER]}
        worker.info = WorkerInfo.model_validate(info)
        worker.advertise()
        with Quick(redis, worker) as quick:
            yield Sender(app.test_client(), quick)
        of(app).close()
        redis.flushall()


def stored(send: Sender, image: str) -> bytes:
    with send.quick.worker.store.open(image) as file:
        return file.read()


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        # Left out or null: the model's own.
        ({}, {"width": 64, "height": 64, "steps": 20, "guidance_scale": 5.0, "count": 1}),
        ({}, {"sampler": "pndm", "schedule": "automatic", "hires": None, "kind": "text-to-image"}),
        (
            {"steps": None, "width": None, "cfg_scale": None, "sampler_name": None, "seed": None},
            {"width": 64, "steps": 20, "guidance_scale": 5.0, "sampler": "pndm"},
        ),
        ({"steps": 9, "cfg_scale": 2}, {"steps": 9, "guidance_scale": 2.0}),
        ({"steps": "9", "cfg_scale": "2.5"}, {"steps": 9, "guidance_scale": 2.5}),
        ({"no_such_field": {"a": 1}, "eta": 1.0, "styles": ["anime"]}, {"prompt": "a star"}),
        ({"negative_prompt": "rain"}, {"negative_prompt": "rain"}),
        ({"negative_prompt": None}, {"negative_prompt": ""}),
        ({"prompt": "a star <lora:ink:0.5>"}, {"prompt": "a star ", "loras": [INK]}),
        # Seeds.
        ({"seed": 7}, {"seed": 7}),
        ({"seed": "7"}, {"seed": 7}),
        ({"seed": 7.0}, {"seed": 7}),
        ({"subseed": 3, "subseed_strength": 0}, {"variation_seed": None}),
        (
            {"subseed": "3", "subseed_strength": 0.25},
            {"variation_seed": 3, "variation_strength": 0.25},
        ),
        # How many.
        ({"batch_size": 2}, {"count": 2}),
        ({"n_iter": 3}, {"count": 3}),
        ({"batch_size": 2, "n_iter": 3}, {"count": 6}),
        # Samplers and schedules.
        ({"sampler_name": "DDIM"}, {"sampler": "ddim", "schedule": "automatic"}),
        ({"sampler_index": "DDIM"}, {"sampler": "ddim"}),
        ({"sampler_name": "DDIM", "sampler_index": "PLMS"}, {"sampler": "ddim"}),
        ({"sampler_name": "", "sampler_index": "DDIM"}, {"sampler": "ddim"}),
        ({"sampler_name": "DDIM", "scheduler": "automatic"}, {"schedule": "automatic"}),
        ({"sampler_name": "DDIM", "scheduler": "Automatic"}, {"schedule": "automatic"}),
        ({"sampler_name": "DDIM", "scheduler": "SGM Uniform"}, {"schedule": "sgm_uniform"}),
        ({"sampler_name": "DDIM", "scheduler": "sgmuniform"}, {"schedule": "sgm_uniform"}),
        ({"sampler_index": "DPM++ 2M Karras"}, {"sampler": "dpmpp_2m", "schedule": "karras"}),
        ({"sampler_index": "k_dpmpp_2m"}, {"sampler": "dpmpp_2m", "schedule": "automatic"}),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "automatic"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "exponential"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        (
            {"sampler_name": "DPM++ 2M", "scheduler": "KARRAS"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        # Sizes: rounded to what the model can make.
        ({"width": 96, "height": 80}, {"width": 96, "height": 80}),
        ({"width": 100, "height": 90}, {"width": 96, "height": 96}),
        ({"width": 1, "height": 2047}, {"width": 16, "height": 2048}),
        # Models and settings for one request.
        ({"override_settings": {"sd_model_checkpoint": "other"}}, {"model": "other", "steps": 7}),
        ({"override_settings": {"sd_model_checkpoint": "cdcdcdcdcd"}}, {"model": "other"}),
        (
            {"override_settings": {"sd_model_checkpoint": "other.safetensors [cdcdcdcdcd]"}},
            {"model": "other"},
        ),
        ({"override_settings": {"sd_model_checkpoint": None}}, {"model": "small"}),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, {"clip_skip": 2}),
        ({"override_settings": {"sd_vae": "vae.pt", "eta_ddim": 1}}, {"clip_skip": 1}),
        ({"override_settings": None}, {"model": "small"}),
        ({"override_settings": [], "alwayson_scripts": []}, {"model": "small", "controls": []}),
        # What asks for nothing.
        ({"restore_faces": False, "tiling": None, "s_churn": 0, "s_noise": 1}, {"steps": 20}),
        ({"save_images": True, "do_not_save_grid": True, "script_name": None}, {"steps": 20}),
        ({"script_name": "", "script_args": [], "alwayson_scripts": {}}, {"controls": []}),
        ({"seed_resize_from_w": -1, "seed_resize_from_h": 0}, {"steps": 20}),
        ({"hr_prompt": "another", "hr_sampler_name": "DDIM"}, {"hires": None}),
    ],
)
def test_a_field_means_what_it_means_in_automatic1111(
    send: Sender, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    request = send(TXT2IMG, **sent)
    assert {name: getattr(request, name) for name in meant} == meant


@pytest.mark.parametrize("seed", [-1, "-1", "", None, -5])
def test_a_seed_that_is_none_is_drawn(send: Sender, seed: object) -> None:
    drawn = [send(TXT2IMG, seed=seed).seed for _ in range(2)]
    assert drawn[0] != drawn[1]
    info = json.loads(json.loads(send.answer.text)["info"])
    assert info["seed"] == drawn[1]


def test_a_variation_without_a_seed_draws_one(send: Sender) -> None:
    drawn = {send(TXT2IMG, subseed=-1, subseed_strength=0.5).variation_seed for _ in range(2)}
    assert len(drawn) == 2
    assert None not in drawn


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({}, {"scale": 2.0, "steps": None, "strength": 0.75, "upscaler": "latent"}),
        ({"hr_scale": 1.5, "denoising_strength": 0.4}, {"scale": 1.5, "strength": 0.4}),
        ({"hr_second_pass_steps": 0}, {"steps": None}),
        ({"hr_second_pass_steps": 6}, {"steps": 6}),
        ({"hr_upscaler": "None"}, {"upscaler": "lanczos"}),
        ({"hr_upscaler": "Lanczos"}, {"upscaler": "lanczos"}),
        ({"hr_upscaler": "Latent (bicubic antialiased)"}, {"upscaler": "latent"}),
        ({"hr_upscaler": "sharp-4x"}, {"upscaler": "sharp-4x"}),
        ({"hr_upscaler": "SHARP 4X"}, {"upscaler": "sharp-4x"}),
        ({"hr_resize_x": 96, "hr_resize_y": 96}, {"scale": 1.5}),
        ({"hr_resize_x": 96, "hr_resize_y": 0}, {"scale": 1.5}),
        ({"hr_resize_y": 128}, {"scale": 2.0}),
        ({"hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler"}, {}),
        ({"hr_checkpoint_name": "Use same checkpoint", "hr_prompt": ""}, {}),
        ({"sampler_name": "DPM++ 2M Karras", "hr_sampler_name": "DPM++ 2M"}, {}),
        ({"firstphase_width": 32, "firstphase_height": 32, "width": 64, "height": 64}, {}),
    ],
)
def test_a_second_pass_is_the_one_that_was_asked_for(
    send: Sender, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    request = send(TXT2IMG, enable_hr=True, **sent)
    assert request.hires is not None
    assert {name: getattr(request.hires, name) for name in meant} == meant
    if "firstphase_width" in sent:
        assert (request.width, request.hires.scale) == (32, 2.0)


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
        ({"mask": WHITE, "inpainting_mask_invert": 1}, {"mask_invert": True}),
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
    assert Image.open(io.BytesIO(stored(send, request.image))).size == (64, 48)


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
        (TXT2IMG, {"sampler_name": "PLMS", "scheduler": "karras"}, 422, "scheduler: "),
        (TXT2IMG, {"restore_faces": True}, 422, "restore_faces: must be false"),
        (TXT2IMG, {"tiling": True}, 422, "tiling: must be false"),
        (TXT2IMG, {"s_churn": 1}, 422, "s_churn: must be 0"),
        (TXT2IMG, {"seed_resize_from_w": 64}, 422, "seed_resize_from_w: must be 0 or -1"),
        (TXT2IMG, {"refiner_checkpoint": "xl"}, 422, "refiner_checkpoint: must be empty"),
        (TXT2IMG, {"script_name": "X/Y/Z plot"}, 422, "script_name: there is no script"),
        (TXT2IMG, {"alwayson_scripts": {"ADetailer": {"args": [True]}}}, 422, "ADetailer"),
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
        (TXT2IMG, {"enable_hr": True, "hr_upscaler": "LDSR"}, 422, "hr_upscaler: no upscaler"),
        (TXT2IMG, {"enable_hr": True, "hr_sampler_name": "DDIM"}, 422, "hr_sampler_name: "),
        (TXT2IMG, {"enable_hr": True, "hr_prompt": "a moon"}, 422, "hr_prompt: must be left out"),
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


def test_pictures_of_a_batch_have_the_seeds_that_follow(send: Sender) -> None:
    send(TXT2IMG, batch_size=2, n_iter=2, seed=40)
    said = json.loads(send.answer.text)
    info = json.loads(said["info"])
    assert info["all_seeds"] == [40, 41, 42, 43]
    assert len(said["images"]) == len(info["infotexts"]) == len(info["all_prompts"]) == 4
    assert info["index_of_first_image"] == 0


def test_pictures_are_left_out_where_the_client_wants_none(send: Sender) -> None:
    send(TXT2IMG, send_images=False)
    said = json.loads(send.answer.text)
    assert said["images"] == []
    assert len(json.loads(said["info"])["all_seeds"]) == 1


def test_the_parameters_say_what_was_sent_and_what_was_chosen(send: Sender) -> None:
    send(TXT2IMG, width=100, styles=["anime"], sampler_index="DDIM", seed="5")
    parameters = json.loads(send.answer.text)["parameters"]
    chosen = {"width": 96, "height": 64, "steps": 20, "cfg_scale": 5.0, "n_iter": 1}
    sent = {"prompt": "a star", "styles": ["anime"], "sampler_index": "DDIM", "seed": "5"}
    assert parameters == parameters | chosen | sent


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
    assert stored(send, request.controls[0].image) == stored(send, request.image)


def test_as_many_pictures_as_are_allowed_are_made(send: Sender) -> None:
    assert send(TXT2IMG, n_iter=settings().max_count).count == settings().max_count
